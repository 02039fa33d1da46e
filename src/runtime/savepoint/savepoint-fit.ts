/**
 * Whether a job can begin with a savepoint, and what becomes of each part of it. Pure. State is found by operator and
 * name; it goes where its operator is now. Everything that would be lost is listed, and refused unless it is allowed.
 */
import type { StateDescription } from '../../checkpoint/metadata.ts'
import type { SavepointMetadata } from '../../checkpoint/savepoint/savepoint-metadata.ts'
import { MillraceError } from '../../common/errors.ts'
import type { Stage } from '../../graph/stages.ts'
import type { SourceStart } from '../../ports/source.ts'
import { parseTaskKey, type TaskKey, taskKey } from '../../records/task-id.ts'
import type { WantedState } from '../tasks/wanted-states.ts'
import { valueFormatOf } from './write-savepoint.ts'

export type PositionsFrom = 'exact' | 'offsets' | 'start'

export interface JobNow {
  readonly stages: readonly Stage[]
  readonly states: readonly WantedState[]
  readonly sources: ReadonlyMap<string, SourceStart>
  /** Exchange → partitions. */
  readonly partitions: ReadonlyMap<string, number>
}

export interface FitOptions {
  readonly positions: PositionsFrom
  readonly allowDropped: boolean
}

/** Where the entries of a state go. */
export type StateRoute =
  /** To the task of the same name. */
  | { readonly kind: 'stay'; readonly stage: string }
  /** By their key, to a task of this stage. */
  | { readonly kind: 'by-key'; readonly stage: string; readonly partitions: number }
  | { readonly kind: 'drop' }

export interface FramesRoute {
  readonly exchange: string
  readonly partitions: number
  /** As many as there were: frames go on as they are. */
  readonly isSame: boolean
}

export interface SavepointFit {
  readonly states: readonly StateDescription[]
  /** By the state's id. */
  readonly routes: ReadonlyMap<number, StateRoute>
  readonly frames: readonly FramesRoute[]
  readonly sources: Readonly<Record<string, { readonly identity: string; readonly positions: Record<string, number> }>>
  readonly watermarks: Readonly<Record<TaskKey, number>>
  /** What is let go of, for people. */
  readonly dropped: readonly string[]
}

/** @throws MR_SAVEPOINT_STATE_DROPPED, MR_SAVEPOINT_INCOMPATIBLE, MR_SAVEPOINT_PARTITIONS, MR_SAVEPOINT_SOURCE_DIFFERS */
export function fitSavepoint(savepoint: SavepointMetadata, job: JobNow, options: FitOptions): SavepointFit {
  const dropped = droppedOf(savepoint, job)
  if (dropped.length > 0 && !options.allowDropped) {
    throw new MillraceError('MR_SAVEPOINT_STATE_DROPPED', `the job has no place for: ${dropped.join('; ')}`)
  }
  const kept = savepoint.states.filter((state) => isWanted(state, job))
  const routes = new Map<number, StateRoute>()
  for (const state of savepoint.states) {
    routes.set(state.id, kept.includes(state) ? routeOf(state.operator, savepoint, job) : { kind: 'drop' })
  }
  return {
    states: kept,
    routes: together(routes),
    frames: framesOf(savepoint, job),
    sources: sourcesOf(savepoint, job, options.positions),
    // Read from its beginning again, everything would be late.
    watermarks: options.positions === 'start' ? {} : watermarksOf(savepoint, job),
    dropped,
  }
}

function isWanted(state: StateDescription, { states }: JobNow): boolean {
  return states.some((one) => one.operator === state.operator && one.name === state.name)
}

function droppedOf(savepoint: SavepointMetadata, job: JobNow): string[] {
  const states = savepoint.states.filter((state) => !isWanted(state, job))
  const sources = Object.keys(savepoint.sources).filter((name) => !job.sources.has(name))
  const frames = Object.entries(savepoint.inFlight).flatMap(([exchange, byPartition]) => {
    const count = Object.values(byPartition).flat()
    return job.partitions.has(exchange) ? [] : [{ exchange, frames: count.reduce((sum, { entries }) => sum + entries, 0) }]
  })
  return [
    ...states.map(({ operator, name, kind }) => `the ${kind} state ${operator}/${name}`),
    ...sources.map((name) => `the positions of source ${name}`),
    ...frames.map(({ exchange, frames }) => `${frames} frames of records in flight through exchange ${exchange}`),
  ]
}

function routeOf(operator: string, { stages, exchanges }: SavepointMetadata, job: JobNow): StateRoute {
  const before = Object.keys(stages).find((name) => stages[name]?.operators.includes(operator))
  const now = job.stages.find(({ stateful }) => stateful.some((node) => node.name === operator))
  const was = before === undefined ? undefined : stages[before]
  if (before === undefined || was === undefined || now === undefined) return { kind: 'drop' }
  const { name, input, keyCodec } = now
  const isExchange = input.kind === 'keyBy'
  if (was.keys !== keyCodec.name) {
    throw incompatible(`the keys of operator ${operator} were written by codec ${was.keys}, and the job has ${keyCodec.name}`)
  }
  if (was.input !== (isExchange ? 'exchange' : 'source') || (!isExchange && before !== name)) {
    throw incompatible(
      `operator ${operator} was behind the ${was.input} ${before}, and is behind the ${isExchange ? 'exchange' : 'source'} ${name} now: the keys of its state need not be the same ones`,
    )
  }
  if (!isExchange) return { kind: 'stay', stage: name }
  const partitions = job.partitions.get(name) ?? 0
  if (before === name && exchanges[before]?.partitions === partitions) return { kind: 'stay', stage: name }
  return { kind: 'by-key', stage: name, partitions }
}

/** All that comes to the tasks of a stage comes by key, or nothing does: each task is written once, in the order of its keys. */
function together(routes: ReadonlyMap<number, StateRoute>): Map<number, StateRoute> {
  const byKey = new Map<string, StateRoute>()
  for (const route of routes.values()) if (route.kind === 'by-key') byKey.set(route.stage, route)
  return new Map([...routes].map(([id, route]) => [id, route.kind === 'stay' ? (byKey.get(route.stage) ?? route) : route]))
}

function framesOf({ inFlight, exchanges }: SavepointMetadata, job: JobNow): FramesRoute[] {
  return Object.keys(inFlight).flatMap((exchange) => {
    const node = job.stages.find(({ name }) => name === exchange)?.input
    const partitions = job.partitions.get(exchange)
    if (node?.kind !== 'keyBy' || partitions === undefined) return []
    const [found, wanted] = [exchanges[exchange]?.values, valueFormatOf(node)]
    if (found !== wanted) {
      throw incompatible(
        `records in flight through exchange ${exchange} were written by codec ${found}, and the job has ${wanted}`,
      )
    }
    return [{ exchange, partitions, isSame: exchanges[exchange]?.partitions === partitions }]
  })
}

function sourcesOf(savepoint: SavepointMetadata, job: JobNow, from: PositionsFrom): SavepointFit['sources'] {
  const result: Record<string, { identity: string; positions: Record<string, number> }> = {}
  for (const [name, { identity, positions }] of Object.entries(savepoint.sources)) {
    const now = job.sources.get(name)
    if (now === undefined) continue
    const there = new Set(now.partitions.map(({ partition }) => String(partition)))
    const gone = partitionsWith(name, savepoint, job).filter((partition) => !there.has(partition))
    if (from !== 'start') gone.push(...Object.keys(positions).filter((partition) => !there.has(partition)))
    if (gone.length > 0) {
      throw new MillraceError(
        'MR_SAVEPOINT_PARTITIONS',
        `the savepoint holds partitions of source ${name} that it does not have now: ${[...new Set(gone)].join(', ')}`,
      )
    }
    if (from === 'exact' && identity !== now.identity) {
      throw new MillraceError('MR_SAVEPOINT_SOURCE_DIFFERS', `source ${name} was ${identity} and is now ${now.identity}`)
    }
    const own: Record<string, number> = {}
    for (const { partition, position, first } of now.partitions) {
      own[partition] = from === 'start' ? position : (positions[partition] ?? first)
    }
    result[name] = { identity: now.identity, positions: own }
  }
  return result
}

/** The partitions of a source whose tasks hold state that stays there. */
function partitionsWith(source: string, { tasks, states, stages }: SavepointMetadata, job: JobNow): string[] {
  const isKept = states.some((state) => stages[source]?.operators.includes(state.operator) && isWanted(state, job))
  if (!isKept) return []
  return Object.keys(tasks)
    .map(parseTaskKey)
    .filter(({ stage }) => stage === source)
    .map(({ partition }) => String(partition))
}

/** Of an exchange with another number of partitions the least: keys of any of the old tasks may come to any of the new. */
function watermarksOf({ watermarks, exchanges }: SavepointMetadata, job: JobNow): Record<TaskKey, number> {
  const result: Record<TaskKey, number> = {}
  for (const { name } of job.stages) {
    const partitions = job.partitions.get(name)
    const before = exchanges[name]?.partitions
    const own = Object.entries(watermarks).filter(([task]) => parseTaskKey(task).stage === name)
    if (partitions === undefined || partitions === before) {
      Object.assign(result, Object.fromEntries(own))
    } else if (before !== undefined && own.length === before) {
      const least = Math.min(...own.map(([, watermark]) => watermark))
      for (let partition = 0; partition < partitions; partition++) result[taskKey({ stage: name, partition })] = least
    }
  }
  return result
}

function incompatible(what: string): MillraceError {
  return new MillraceError('MR_SAVEPOINT_INCOMPATIBLE', what)
}
