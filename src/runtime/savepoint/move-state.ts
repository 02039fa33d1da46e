/**
 * Copies the state of a savepoint into files of the job, task by task: as it lies there where nothing changes, else entry
 * by entry. Where an exchange has another number of partitions, or state comes from another exchange, keys go where their
 * records will: by the hash that exchanges use. Streaming, in bounded memory.
 */
import type { SegmentFile } from '../../checkpoint/manifest.ts'
import type { ChainLink } from '../../checkpoint/metadata.ts'
import type { SavepointReader } from '../../checkpoint/savepoint/savepoint-reader.ts'
import { encodeSegment } from '../../checkpoint/segment/encode-segment.ts'
import { type EncodedSlice, encodeStream, SliceEncoder } from '../../checkpoint/segment/encode-slice.ts'
import { mergeSlices } from '../../checkpoint/segment/merge-slices.ts'
import { assert, defined } from '../../common/assert.ts'
import type { Clock } from '../../common/clock.ts'
import { murmur2Latin1, partitionForKey } from '../../common/murmur2.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import { StateChangesBuilder } from '../../records/state-changes-builder.ts'
import { parseTaskKey, type TaskKey, taskKey } from '../../records/task-id.ts'
import { parseStateKey, stateIdOf } from '../../state/state-key.ts'
import type { StateRoute } from './savepoint-fit.ts'

/** A file is put whole, so this bounds the memory. */
const FILE_BYTES = 32 * 1024 * 1024
const LARGEST_WINDOW_BYTES = 1024 * 1024
/** Of all tasks that are read at the same time. */
const WINDOWS_BYTES = 32 * 1024 * 1024
const BATCH_ENTRIES = 4096

export interface StateMove {
  readonly reader: SavepointReader
  readonly routes: ReadonlyMap<number, StateRoute>
  readonly storage: CheckpointStorage
  /** Of the file with this number. */
  readonly pathOf: (part: number) => string
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly onMoved: (bytes: number) => void
  /** Default: FILE_BYTES. */
  readonly fileBytes?: number
}

export interface MovedState {
  readonly files: readonly Pick<SegmentFile, 'path' | 'bytes' | 'sha256'>[]
  /** Task → its slices, keys ascending over all of them. */
  readonly tasks: ReadonlyMap<TaskKey, readonly Omit<ChainLink, 'merged'>[]>
}

export async function moveState(move: StateMove): Promise<MovedState> {
  const files = new MovedFiles(move)
  const { tasks, states, stages } = move.reader.metadata
  /** Stage of the job → tasks of the savepoint with entries for it. */
  const byKey = new Map<string, { partitions: number; tasks: TaskKey[] }>()
  for (const task of Object.keys(tasks)) {
    const { stage } = parseTaskKey(task)
    const operators = stages[stage]?.operators ?? []
    const own = states.filter(({ operator }) => operators.includes(operator)).map(({ id }) => routeOf(move, id))
    for (const route of own) {
      if (route.kind !== 'by-key') continue
      const target = byKey.get(route.stage) ?? { partitions: route.partitions, tasks: [] }
      byKey.set(route.stage, target)
      if (!target.tasks.includes(task)) target.tasks.push(task)
    }
    const isWhole = own.every(({ kind }) => kind === 'stay')
    const isNone = own.every(({ kind }) => kind !== 'stay')
    if (isWhole) await files.addAll(move.reader.slices(task, move.signal))
    else if (!isNone)
      await files.addAll(
        encoded(
          move,
          task,
          chosen(move, task, task, ({ kind }) => kind === 'stay'),
        ),
      )
  }
  for (const [stage, target] of byKey) await redistribute(move, files, stage, target)
  return files.finish()
}

function routeOf({ routes }: StateMove, id: number): StateRoute {
  return routes.get(id) ?? { kind: 'drop' }
}

async function* encoded(move: StateMove, task: TaskKey, stream: AsyncIterable<StateChanges>): AsyncGenerator<EncodedSlice> {
  for await (const slice of encodeStream(task, stream, move.fileBytes ?? FILE_BYTES, move.clock)) {
    if (slice.entries > 0) yield slice
  }
}

/** The entries whose route is wanted, as those of task `as`. */
async function* chosen(
  move: StateMove,
  task: TaskKey,
  as: TaskKey,
  isWanted: (route: StateRoute) => boolean,
  windowBytes = LARGEST_WINDOW_BYTES,
): AsyncGenerator<StateChanges> {
  const wanted = new Set([...move.routes].filter(([, route]) => isWanted(route)).map(([id]) => id))
  for await (const changes of move.reader.state(task, move.signal, windowBytes)) {
    const builder = new StateChangesBuilder(as)
    for (let i = 0; i < changes.keys.length; i++) {
      if (wanted.has(stateIdOf(changes.keys[i]!))) addEntry(builder, changes, i)
    }
    if (builder.entries > 0) yield builder.build()
  }
}

function addEntry(
  builder: StateChangesBuilder,
  { keys, values, valueStarts, valueEnds, expiresAtMs }: StateChanges,
  i: number,
) {
  assert(valueStarts[i]! >= 0, 'a savepoint holds no deletions')
  builder.put(keys[i]!, values.subarray(valueStarts[i], valueEnds[i]), expiresAtMs?.[i] ?? 0)
}

/** All tasks at the same time, in the order of their keys, so that each of the new ones gets its keys in order. */
async function redistribute(
  move: StateMove,
  files: MovedFiles,
  stage: string,
  { partitions, tasks }: { readonly partitions: number; readonly tasks: readonly TaskKey[] },
): Promise<void> {
  const { clock, fileBytes = FILE_BYTES } = move
  const isWanted = (route: StateRoute) => route.kind === 'by-key' && route.stage === stage
  // Of each a window is decoded while the next is fetched.
  const windowBytes = Math.min(LARGEST_WINDOW_BYTES, Math.ceil(WINDOWS_BYTES / (2 * tasks.length)))
  const streams = tasks.map((task) => chosen(move, task, stage, isWanted, windowBytes))
  const outputs = Array.from({ length: partitions }, (_, partition) => {
    const task = taskKey({ stage, partition })
    return { builder: new StateChangesBuilder(task), encoder: new SliceEncoder(task, clock) }
  })
  const flush = async ({ builder, encoder }: (typeof outputs)[number]) => {
    if (builder.entries > 0) await encoder.add(builder.build())
    return encoder.bytes
  }
  // All of them stay below a file together.
  const limitBytes = fileBytes / partitions
  for await (const changes of mergeSlices(streams, { clock })) {
    for (let i = 0; i < changes.keys.length; i++) {
      const { key } = parseStateKey(changes.keys[i]!)
      const output = defined(outputs[partitionForKey(murmur2Latin1(key), partitions)], 'task of a key')
      addEntry(output.builder, changes, i)
      if (output.builder.entries < BATCH_ENTRIES && output.builder.valueBytes < limitBytes) continue
      if ((await flush(output)) >= limitBytes) await files.add(output.encoder.finish())
    }
  }
  for (const output of outputs) if ((await flush(output)) > 0) await files.add(output.encoder.finish())
}

/** Gathers slices into files. */
class MovedFiles {
  private readonly move: StateMove
  private readonly files: { path: string; bytes: number; sha256: string }[] = []
  private readonly tasks = new Map<TaskKey, Omit<ChainLink, 'merged'>[]>()
  private open: EncodedSlice[] = []
  private openBytes = 0

  constructor(move: StateMove) {
    this.move = move
  }

  async addAll(slices: AsyncIterable<EncodedSlice>): Promise<void> {
    for await (const slice of slices) await this.add(slice)
  }

  async add(slice: EncodedSlice): Promise<void> {
    this.open.push(slice)
    this.openBytes += slice.bytes
    if (this.openBytes >= (this.move.fileBytes ?? FILE_BYTES)) await this.put()
  }

  async finish(): Promise<MovedState> {
    if (this.open.length > 0) await this.put()
    return { files: this.files, tasks: this.tasks }
  }

  private async put(): Promise<void> {
    const { storage, clock, signal, pathOf, onMoved } = this.move
    const slices = this.open
    this.open = []
    this.openBytes = 0
    const { chunks, bytes, sha256, merged } = await encodeSegment([], { clock, signal, merged: slices })
    const segment = this.files.length
    const path = pathOf(segment)
    await storage.put(path, chunks, signal)
    this.files.push({ path, bytes, sha256 })
    for (const { task, offset, bytes: own, entries } of merged) {
      const links = this.tasks.get(task) ?? []
      this.tasks.set(task, links)
      links.push({ segment, offset, bytes: own, entries })
    }
    onMoved(bytes)
  }
}
