/** `millrace state list|get|keys|export|compare|rewrite`: what checkpoints and savepoints hold. */
import { loadLayers } from '../../config/load-layers.ts'
import { StoredState } from '../../inspect/stored-state.ts'
import type { CliEnvironment } from '../cli-environment.ts'
import { type CommandLine, SWITCHES, usageError, VALUE_FLAGS } from '../command-line.ts'
import { loadJob } from '../load-job.ts'
import { reportError } from '../report-error.ts'
import { compareStates } from './state-compare.ts'
import { exportState, getState, listKeys } from './state-export.ts'
import { STATE_LIST_FLAGS } from './state-flags.ts'
import { listState } from './state-list.ts'
import type { StateRequest } from './state-request.ts'
import { rewriteState } from './state-rewrite.ts'
import { openWhere } from './state-where.ts'

interface Action {
  /** Of places to look at. */
  readonly operands: 1 | 2
  readonly flags: readonly (typeof VALUE_FLAGS)[number][]
  readonly switches: readonly (typeof SWITCHES)[number][]
  /** @returns the exit code */
  readonly run: (request: StateRequest) => Promise<number>
}

const ACTIONS: Readonly<Record<string, Action>> = {
  list: { operands: 1, flags: [], switches: ['json', 'quick'], run: listState },
  get: { operands: 1, flags: ['operator', 'state', 'key', 'map-key'], switches: [], run: getState },
  keys: { operands: 1, flags: ['operator', 'state'], switches: [], run: listKeys },
  export: { operands: 1, flags: ['operator', 'state'], switches: [], run: exportState },
  compare: { operands: 2, flags: [], switches: ['json', 'details'], run: compareStates },
  rewrite: { operands: 1, flags: ['to', 'map', ...STATE_LIST_FLAGS], switches: ['json'], run: rewriteState },
}

/** As diff has it: 1 is said by a difference. */
const COMPARE_FAILED = 2

/**
 * @returns the exit code: of `compare` 0 equal, 1 different, 2 failed; of `get` 1 where there is no entry
 * @throws MR_CLI_USAGE, MR_CLI_NO_CHECKPOINT, MR_STATE_…, MR_JOB_FILE_…, MR_CONFIG_…, MR_CHECKPOINT_…, MR_SAVEPOINT_…, MR_STORAGE_…
 */
export async function stateCommand(commandLine: CommandLine, environment: CliEnvironment): Promise<number> {
  const [name = ''] = commandLine.operands
  const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined
  if (action === undefined)
    throw usageError(`expected millrace state ${Object.keys(ACTIONS).join(', ')}; see millrace help state`)
  try {
    return await runAction(name, action, commandLine, environment)
  } catch (error) {
    if (action.run !== compareStates) throw error
    reportError(error, environment, commandLine)
    return COMPARE_FAILED
  }
}

async function runAction(name: string, action: Action, commandLine: CommandLine, environment: CliEnvironment): Promise<number> {
  const [, ...places] = commandLine.operands
  const what = action.operands === 1 ? '<where>' : '<where> <where>'
  if (places.length !== action.operands) throw usageError(`expected millrace state ${name} ${what}`)
  for (const flag of commandLine.values.keys()) {
    if (!['checkpoint', 'job', ...action.flags].includes(flag)) throw usageError(`--${flag} is not for millrace state ${name}`)
  }
  for (const flag of commandLine.switches) {
    if (!action.switches.includes(flag)) throw usageError(`--${flag} is not for millrace state ${name}`)
  }
  const layers = await loadLayers({
    flags: commandLine.flags,
    otherFlags: [...SWITCHES, ...VALUE_FLAGS],
    environment: environment.env,
    directory: environment.directory,
  })
  const file = commandLine.values.get('job')
  const job = file === undefined ? undefined : await loadJob(file, environment.directory)
  const states: StoredState[] = []
  try {
    for (const text of places) {
      const snapshot = await openWhere({ text, environment, layers, checkpoint: commandLine.values.get('checkpoint') })
      states.push(new StoredState(snapshot, { nowMs: environment.clock.nowMs(), ...(job !== undefined && { job }) }))
    }
    return await action.run({ commandLine, environment, layers, states })
  } finally {
    for (const state of states) await state.close()
  }
}
