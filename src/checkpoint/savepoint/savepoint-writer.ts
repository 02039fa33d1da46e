/**
 * Writes a savepoint: state and frames as they are given, in bounded memory, then the metadata. Nothing counts before
 * that is there. A writer that is given up deletes what it has written, as far as it can and may.
 *
 * Several attempts may write into one folder: each takes a name of its own for its files, and the first that puts the
 * metadata wins.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../common/clock.ts'
import { isMillraceError, MillraceError } from '../../common/errors.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import type { TaskKey } from '../../records/task-id.ts'
import { encodeSegment } from '../segment/encode-segment.ts'
import { type EncodedSlice, encodeStream } from '../segment/encode-slice.ts'
import { type EncodedFrames, encodeFrames, framesHeader } from './frames-blocks.ts'
import {
  encodeSavepoint,
  SAVEPOINT_FORMAT,
  SAVEPOINT_METADATA,
  SAVEPOINT_VERSION,
  type SavepointFile,
  type SavepointMetadata,
  type SavepointRange,
} from './savepoint-metadata.ts'

/** A file is put whole, so this bounds the memory: one of them, and the piece that made it full. */
const FILE_BYTES = 32 * 1024 * 1024

/** What the writer does not gather itself. */
export type SavepointFacts = Omit<SavepointMetadata, 'format' | 'version' | 'tasks' | 'inFlight' | 'files' | 'totalBytes'>

export interface SavepointWriterParts {
  /** Its root is the savepoint's folder. */
  readonly storage: CheckpointStorage
  /** Begins the names of its files: of characters for paths. */
  readonly name: string
  readonly clock: Clock
  readonly signal?: AbortSignal
  readonly onWritten?: (bytes: number) => void
  /** Default: FILE_BYTES. */
  readonly fileBytes?: number
}

interface OpenSlice {
  readonly ranges: SavepointRange[]
  readonly slice: EncodedSlice
}

interface OpenFrames {
  readonly ranges: SavepointRange[]
  readonly frames: EncodedFrames
}

export class SavepointWriter {
  private readonly parts: SavepointWriterParts
  private readonly fileBytes: number
  private readonly tasks: Record<TaskKey, SavepointRange[]> = {}
  private readonly inFlight: Record<string, Record<string, SavepointRange[]>> = {}
  private readonly files: SavepointFile[] = []
  private slices: OpenSlice[] = []
  private frames: OpenFrames[] = []
  /** This writer's own. Of a put that failed it is not known whether it will be there. */
  private own: 'none' | 'maybe' | 'there' = 'none'

  constructor(parts: SavepointWriterParts) {
    this.parts = parts
    this.fileBytes = parts.fileBytes ?? FILE_BYTES
  }

  /** @throws MR_SAVEPOINT_EXISTS where the folder holds one */
  async begin(): Promise<void> {
    const { storage } = this.parts
    for await (const { path } of storage.list(SAVEPOINT_METADATA)) {
      if (path === SAVEPOINT_METADATA) throw existing(storage.uri)
    }
  }

  /** @param state of one task: keys ascend, without repeats and deletions */
  async addTask(task: TaskKey, state: AsyncIterable<StateChanges>): Promise<void> {
    for await (const slice of encodeStream(task, state, this.fileBytes, this.parts.clock)) await this.addSlice(slice)
  }

  /** The same, encoded: keys ascend over all slices of a task, which may come between those of others. */
  async addSlice(slice: EncodedSlice): Promise<void> {
    this.parts.signal?.throwIfAborted()
    if (slice.entries === 0) return
    const ranges = this.tasks[slice.task] ?? []
    this.tasks[slice.task] = ranges
    this.slices.push({ ranges, slice })
    if (sum(this.slices, ({ slice: { bytes } }) => bytes) >= this.fileBytes) await this.putSlices()
  }

  /** @param frames of records, in their order; each may be lent until the next is asked for */
  async addFrames(exchange: string, partition: number, frames: AsyncIterable<Buffer>): Promise<void> {
    for await (const piece of encodeFrames(frames, this.fileBytes, this.parts.clock)) {
      await this.addEncodedFrames(exchange, partition, piece)
    }
  }

  /** The same, encoded: a piece behind those of its partition that were added before. */
  async addEncodedFrames(exchange: string, partition: number, frames: EncodedFrames): Promise<void> {
    this.parts.signal?.throwIfAborted()
    if (frames.frames === 0) return
    const ofExchange = this.inFlight[exchange] ?? {}
    this.inFlight[exchange] = ofExchange
    const ranges = ofExchange[partition] ?? []
    ofExchange[partition] = ranges
    this.frames.push({ ranges, frames })
    if (sum(this.frames, ({ frames: { bytes } }) => bytes) >= this.fileBytes) await this.putFrames()
  }

  /** Puts the metadata: from here on the savepoint exists. */
  async finish(facts: SavepointFacts): Promise<{ readonly metadata: SavepointMetadata; readonly sha256: string }> {
    const { storage, signal } = this.parts
    if (this.slices.length > 0) await this.putSlices()
    if (this.frames.length > 0) await this.putFrames()
    const metadata: SavepointMetadata = {
      format: SAVEPOINT_FORMAT,
      version: SAVEPOINT_VERSION,
      ...facts,
      tasks: this.tasks,
      inFlight: this.inFlight,
      files: this.files,
      totalBytes: sum(this.files, ({ bytes }) => bytes),
    }
    const { bytes, sha256 } = encodeSavepoint(metadata)
    // What is never sent is known not to come.
    signal?.throwIfAborted()
    this.own = 'maybe'
    try {
      await storage.put(SAVEPOINT_METADATA, [bytes], signal)
    } catch (error) {
      if (!isMillraceError(error, 'MR_STORAGE_EXISTS')) throw error
      this.own = 'none'
      throw existing(storage.uri)
    }
    this.own = 'there'
    return { metadata, sha256 }
  }

  /**
   * Deletes what was written: the metadata first, so that there is never a savepoint without its files. Nothing where it may
   * still come: then it finds them.
   */
  async discard(): Promise<void> {
    const { storage } = this.parts
    if (this.own === 'maybe') return
    if (this.own === 'there') await storage.delete([SAVEPOINT_METADATA])
    await storage.delete(this.files.map(({ path }) => path))
  }

  private async putSlices(): Promise<void> {
    const { clock, signal } = this.parts
    const open = this.slices
    this.slices = []
    const merged = open.map(({ slice }) => slice)
    const { chunks, bytes, sha256, merged: placed } = await encodeSegment([], { clock, merged, ...(signal && { signal }) })
    const file = await this.put(`state-${this.number()}.seg`, chunks, bytes, sha256)
    for (const [i, { ranges }] of open.entries()) {
      const { offset, bytes: own, entries } = placed[i]!
      ranges.push({ file, offset, bytes: own, entries })
    }
  }

  private async putFrames(): Promise<void> {
    const open = this.frames
    this.frames = []
    const chunks = [framesHeader()]
    const hash = createHash('sha256').update(chunks[0]!)
    let at = chunks[0]!.length
    const file = this.files.length
    for (const { ranges, frames } of open) {
      ranges.push({ file, offset: at, bytes: frames.bytes, entries: frames.frames })
      at += frames.bytes
      for (const chunk of frames.chunks) {
        chunks.push(chunk)
        hash.update(chunk)
      }
    }
    await this.put(`in-flight-${this.number()}.frames`, chunks, at, hash.digest('hex'))
  }

  private async put(name: string, chunks: readonly Buffer[], bytes: number, sha256: string): Promise<number> {
    const path = `${this.parts.name}-${name}`
    const file = this.files.length
    // Before it is there: a put that fails may land all the same, and is to be deleted then.
    this.files.push({ path, bytes, sha256 })
    await this.parts.storage.put(path, chunks, this.parts.signal)
    this.parts.onWritten?.(bytes)
    return file
  }

  private number(): string {
    return String(this.files.length).padStart(5, '0')
  }
}

function existing(uri: string): MillraceError {
  return new MillraceError('MR_SAVEPOINT_EXISTS', `${uri} holds a savepoint already`)
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
