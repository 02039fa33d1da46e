/** Reads a savepoint back, streaming: its root is the savepoint's folder, wherever that has been copied to. */
import { createHash } from 'node:crypto'
import { defined } from '../../common/assert.ts'
import { isMillraceError, MillraceError } from '../../common/errors.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import type { TaskKey } from '../../records/task-id.ts'
import { sha256Hex } from '../metadata.ts'
import { streamSlice } from '../segment/decode-slice.ts'
import type { EncodedSlice } from '../segment/encode-slice.ts'
import { corruptSegment } from '../segment/segment-errors.ts'
import { readFrames } from './frames-blocks.ts'
import { decodeSavepoint, SAVEPOINT_METADATA, type SavepointFile, type SavepointMetadata } from './savepoint-metadata.ts'

/** Of a file that is read to check it. */
const PIECE_BYTES = 4 * 1024 * 1024

export interface DamagedFile {
  readonly path: string
  readonly problem: string
}

export class SavepointReader {
  readonly metadata: SavepointMetadata
  /** Of the metadata: with it, which savepoint this is. */
  readonly sha256: string
  private readonly storage: CheckpointStorage

  private constructor(storage: CheckpointStorage, metadata: SavepointMetadata, sha256: string) {
    this.storage = storage
    this.metadata = metadata
    this.sha256 = sha256
  }

  /** @throws MR_SAVEPOINT_NOT_FOUND, MR_SAVEPOINT_CORRUPT, MR_SAVEPOINT_UNKNOWN_VERSION, MR_STORAGE_… */
  static async open(storage: CheckpointStorage): Promise<SavepointReader> {
    let bytes: Buffer
    try {
      bytes = await storage.get(SAVEPOINT_METADATA)
    } catch (cause) {
      if (!isMillraceError(cause, 'MR_STORAGE_NOT_FOUND')) throw cause
      throw new MillraceError('MR_SAVEPOINT_NOT_FOUND', `${storage.uri} holds no ${SAVEPOINT_METADATA}`, { cause })
    }
    return new SavepointReader(storage, decodeSavepoint(bytes, storage.uri), sha256Hex(bytes))
  }

  get uri(): string {
    return this.storage.uri
  }

  /** Keys ascend. Nothing where the task has no state. @param windowBytes what is fetched at a time */
  async *state(task: TaskKey, signal?: AbortSignal, windowBytes?: number): AsyncGenerator<StateChanges> {
    for (const range of this.metadata.tasks[task] ?? []) {
      const { path } = this.file(range.file)
      const read = (start: number, end: number) => this.storage.getRange(path, start, end, signal)
      yield* streamSlice(read, range, { path, task }, windowBytes)
    }
  }

  /** The same as it lies there: for files of the same format. */
  async *slices(task: TaskKey, signal?: AbortSignal): AsyncGenerator<EncodedSlice> {
    for (const { file, offset, bytes, entries } of this.metadata.tasks[task] ?? []) {
      const { path } = this.file(file)
      const slice = await this.storage.getRange(path, offset, offset + bytes, signal)
      if (slice.length !== bytes) throw corruptSegment({ path, task }, `it ends ${bytes - slice.length} bytes too early`)
      yield { task, entries, bytes, chunks: [slice] }
    }
  }

  /** What was not processed yet, in its order. Frames of records only. */
  async *frames(exchange: string, partition: number, signal?: AbortSignal): AsyncGenerator<Buffer> {
    for (const range of this.metadata.inFlight[exchange]?.[partition] ?? []) {
      const { path } = this.file(range.file)
      const read = (start: number, end: number) => this.storage.getRange(path, start, end, signal)
      yield* readFrames(read, range, path)
    }
  }

  /** Reads all files, and names those that are missing or not what they were. */
  async verify(signal?: AbortSignal): Promise<readonly DamagedFile[]> {
    const damaged: DamagedFile[] = []
    for (const file of this.metadata.files) {
      const problem = await this.problemOf(file, signal)
      if (problem !== null) damaged.push({ path: file.path, problem })
    }
    return damaged
  }

  private async problemOf({ path, bytes, sha256 }: SavepointFile, signal?: AbortSignal): Promise<string | null> {
    const hash = createHash('sha256')
    try {
      // One byte more than it should have: a longer one is another file.
      for (let at = 0; at <= bytes; at += PIECE_BYTES) {
        hash.update(await this.storage.getRange(path, at, Math.min(at + PIECE_BYTES, bytes + 1), signal))
      }
    } catch (error) {
      if (isMillraceError(error, 'MR_STORAGE_NOT_FOUND')) return 'it is missing'
      throw error
    }
    return hash.digest('hex') === sha256 ? null : 'its SHA-256 differs'
  }

  private file(index: number): SavepointFile {
    return defined(this.metadata.files[index], 'file of a range')
  }
}
