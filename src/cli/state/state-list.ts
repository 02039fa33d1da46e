/** `millrace state list`. */
import type { StateSize } from '../../inspect/state-sizes.ts'
import type { StateInfo, StoredState } from '../../inspect/stored-state.ts'
import { roundedBytes, roundedDuration } from '../../service/log-fields.ts'
import { tableText } from '../table.ts'
import type { StateRequest } from './state-request.ts'

export async function listState({ commandLine, environment, states }: StateRequest): Promise<number> {
  const { stdout } = environment
  const state = states[0]!
  const sizes = commandLine.switches.has('quick') ? [] : await state.sizes()
  const isJson = commandLine.switches.has('json') || stdout.isTTY !== true
  stdout.write(isJson ? `${JSON.stringify(factsOf(state, sizes), null, 2)}\n` : textOf(state, sizes))
  return 0
}

function factsOf(state: StoredState, sizes: readonly StateSize[]) {
  const { kind, uri, applicationId, checkpoint, epoch, completedAt } = state.snapshot
  return {
    ...{ kind, uri, applicationId, checkpoint, epoch, completedAt },
    operators: state.operators().map((operator) => ({
      ...operator,
      states: operator.states.map((info) => ({ ...info, ...sizeOf(sizes, operator.name, info.name) })),
    })),
    tasks: tasksOf(state),
  }
}

/** Nothing with --quick. */
function sizeOf(sizes: readonly StateSize[], operator: string, name: string) {
  const size = sizes.find((one) => one.operator === operator && one.state === name)
  return size && { entries: size.entries, keyCount: size.keys, liveBytes: size.bytes, taskCount: size.tasks }
}

/** What lies in the storage: replaced, deleted and expired entries included. */
function tasksOf({ snapshot }: StoredState) {
  return [...snapshot.tasks].map(([task, runs]) => {
    const slices = runs.flat()
    return {
      task,
      slices: slices.length,
      storedBytes: slices.reduce((sum, { bytes }) => sum + bytes, 0),
      storedEntries: slices.reduce((sum, { entries }) => sum + entries, 0),
    }
  })
}

const right = 'right' as const

function textOf(state: StoredState, sizes: readonly StateSize[]): string {
  const { kind, applicationId, checkpoint, epoch, completedAt, uri } = state.snapshot
  const head = `${applicationId}, ${kind === 'checkpoint' ? '' : `${kind} of `}checkpoint ${checkpoint} of epoch ${epoch}, ${completedAt}\n${uri}\n`
  const rows = state.operators().flatMap(({ name, stage, states }) =>
    states.map((info) => {
      const size = sizeOf(sizes, name, info.name)
      const counts = size === undefined ? [] : [size.entries, size.keyCount].map((count) => count.toLocaleString('en'))
      const rest = size === undefined ? [] : [roundedBytes(size.liveBytes), String(size.taskCount)]
      return [name, info.name, stage ?? '', info.kind, codecText(info), versionsText(info), ttlText(info), ...counts, ...rest]
    }),
  )
  const columns = [
    ...['OPERATOR', 'STATE', 'STAGE', 'KIND', 'CODEC', 'VERSIONS', 'TTL'].map((title) => ({ title })),
    ...(sizes.length === 0 ? [] : ['ENTRIES', 'KEYS', 'BYTES', 'TASKS'].map((title) => ({ title, align: right }))),
  ]
  const tasks = tasksOf(state).map((task) => [
    task.task,
    String(task.slices),
    roundedBytes(task.storedBytes),
    task.storedEntries.toLocaleString('en'),
  ])
  const taskColumns = [{ title: 'TASK' }, ...['SLICES', 'STORED', 'ENTRIES'].map((title) => ({ title, align: right }))]
  const tables = [
    rows.length === 0 ? 'no state\n' : tableText(columns, rows),
    tasks.length === 0 ? '' : tableText(taskColumns, tasks),
  ]
  return [head, ...tables].filter((text) => text !== '').join('\n')
}

function codecText({ codec, mapKeys, keys }: StateInfo): string {
  return [keys, ...(mapKeys === null ? [] : [mapKeys]), codec].filter((one) => one !== undefined).join(' → ')
}

function versionsText({ codecVersion, olderVersions }: StateInfo): string {
  return [codecVersion, ...olderVersions.map(({ version }) => version)].join(', ')
}

function ttlText({ ttl, expires }: StateInfo): string {
  if (ttl === undefined) return expires ? 'yes' : ''
  if (ttl === null) return expires ? 'of older values' : ''
  return `${roundedDuration(ttl.afterMs)}${ttl.refresh === 'write' ? '' : ', put off by reads'}`
}
