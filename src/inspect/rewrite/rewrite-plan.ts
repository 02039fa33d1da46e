/** What a savepoint is to become, checked against what it is. Pure. */
import type { StateDescription } from '../../checkpoint/metadata.ts'
import type { SavepointMetadata } from '../../checkpoint/savepoint/savepoint-metadata.ts'
import { MillraceError } from '../../common/errors.ts'
import { parseTaskKey, type TaskKey, taskKey } from '../../records/task-id.ts'
import type { StoredEntry } from '../state-reading.ts'

/**
 * Makes of each value of a state another one, which the state's codec can write; undefined drops it. Values of older versions
 * come as the job would see them, if it was given. Of aggregates it is given, and gives, accumulators: of `count`, `sum`, `min` and
 * `max` the number, of `avg` its `{ sum, count }`, of own ones what `create` and `add` return.
 */
// biome-ignore lint/suspicious/noExplicitAny: the shape of values is the caller's
export type StateMapping = (value: any, entry: Omit<StoredEntry, 'value'>) => unknown

export interface RewriteOptions {
  /** All states of these operators are left out. */
  readonly dropOperators?: readonly string[]
  /** `operator/state`. */
  readonly dropStates?: readonly string[]
  /** Exchange → its new number of partitions: keys and records in flight go where the job will look for them. */
  readonly partitions?: Readonly<Record<string, number>>
  /** By `operator/state`. */
  readonly map?: Readonly<Record<string, StateMapping>>
}

export interface RewritePlan {
  readonly kept: readonly StateDescription[]
  /** By the state's id. */
  readonly mappings: ReadonlyMap<number, StateMapping>
  /** Only those that change. */
  readonly partitions: ReadonlyMap<string, number>
}

const MOST_PARTITIONS = 10_000

/** @throws MR_STATE_NOT_FOUND, MR_STATE_REWRITE_REFUSED */
export function planRewrite(metadata: SavepointMetadata, options: RewriteOptions): RewritePlan {
  const { dropOperators = [], dropStates = [], partitions = {}, map = {} } = options
  const { states } = metadata
  const dropped = new Set(dropStates.map((name) => stateAt(states, name).id))
  for (const operator of dropOperators) {
    const own = states.filter((state) => state.operator === operator)
    if (own.length === 0) throw notFound(`no state of operator ${operator}`, states)
    for (const { id } of own) dropped.add(id)
  }
  const mappings = new Map<number, StateMapping>()
  for (const [name, mapping] of Object.entries(map)) {
    const { id } = stateAt(states, name)
    if (dropped.has(id)) throw refused(`state ${name} is to be dropped and to be mapped`)
    if (typeof mapping !== 'function') throw refused(`what is to map state ${name} is no function`)
    mappings.set(id, mapping)
  }
  const changed = new Map<string, number>()
  for (const [stage, count] of Object.entries(partitions)) {
    if (changedPartitions(metadata, stage, count)) changed.set(stage, count)
  }
  return { kept: states.filter(({ id }) => !dropped.has(id)), mappings, partitions: changed }
}

function stateAt(states: readonly StateDescription[], place: string): StateDescription {
  const state = states.find(({ operator, name }) => `${operator}/${name}` === place)
  if (state === undefined) throw notFound(`no state ${place}`, states)
  return state
}

function changedPartitions({ exchanges, sources }: SavepointMetadata, stage: string, count: number): boolean {
  const exchange = exchanges[stage]
  if (exchange === undefined) {
    const why = Object.hasOwn(sources, stage)
      ? `${stage} is a source: its tasks are the partitions of its topic, which only a keyBy behind it can spread anew`
      : `there is no exchange ${stage}; there are ${Object.keys(exchanges).join(', ') || 'none'}`
    throw refused(why)
  }
  if (!Number.isInteger(count) || count < 1 || count > MOST_PARTITIONS) {
    throw refused(`exchange ${stage} cannot have ${count} partitions; from 1 to ${MOST_PARTITIONS} are possible`)
  }
  return exchange.partitions !== count
}

/** Of an exchange with another number of partitions the least: keys of any of the old tasks may come to any of the new. */
export function rewrittenWatermarks(
  { watermarks, exchanges }: SavepointMetadata,
  { partitions }: RewritePlan,
): Record<TaskKey, number> {
  const result: Record<TaskKey, number> = {}
  const spread = new Map<string, number[]>()
  for (const [task, watermark] of Object.entries(watermarks)) {
    const { stage } = parseTaskKey(task)
    if (partitions.has(stage)) spread.set(stage, [...(spread.get(stage) ?? []), watermark])
    else result[task] = watermark
  }
  for (const [stage, all] of spread) {
    // One that has none yet holds the others back.
    if (all.length !== exchanges[stage]?.partitions) continue
    for (let partition = 0; partition < (partitions.get(stage) ?? 0); partition++) {
      result[taskKey({ stage, partition })] = Math.min(...all)
    }
  }
  return result
}

export function refused(what: string): MillraceError {
  return new MillraceError('MR_STATE_REWRITE_REFUSED', what)
}

function notFound(what: string, states: readonly StateDescription[]): MillraceError {
  const known = states.map(({ operator, name }) => `${operator}/${name}`).join(', ')
  return new MillraceError('MR_STATE_NOT_FOUND', `the savepoint holds ${what}; it holds ${known === '' ? 'none' : known}`)
}
