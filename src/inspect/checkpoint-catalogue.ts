/**
 * The checkpoints that lie in storage, read for people. It sees files alone: whether the newest metadata was ever declared
 * complete stands in the control log, which the job reads and this does not.
 */
import { type CheckpointMetadata, decodeMetadata } from '../checkpoint/metadata.ts'
import { type StateFactors, stateFactors, storedState } from '../checkpoint/stored-state.ts'
import { isMillraceError } from '../common/errors.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'

/** Where one checkpoint lies; known from its path alone. */
export interface CheckpointFile {
  readonly applicationId: string
  readonly checkpoint: number
  readonly epoch: number
  /** Relative to the root of the storage. */
  readonly path: string
}

export interface CheckpointSummary extends CheckpointFile, StateFactors {
  readonly kind: string
  readonly completedAt: string
  readonly durationMs: number
  readonly writtenBytes: number
  readonly totalBytes: number
  /** Entries that a restore would read, replaced and deleted ones included. */
  readonly entries: number
  /** About what of that is live. */
  readonly liveBytes: number
}

export interface UnreadableCheckpoint extends CheckpointFile {
  readonly error: { readonly code: string; readonly message: string }
}

const METADATA_PATH = /^([^/]+)\/checkpoints\/(\d+)-e(\d+)\/metadata\.json$/

export class CheckpointCatalogue {
  private readonly storage: CheckpointStorage
  private readonly prefix: string

  /** Without an application id: of all jobs that share the storage. */
  constructor(storage: CheckpointStorage, applicationId?: string) {
    this.storage = storage
    this.prefix = applicationId === undefined ? '' : `${applicationId}/checkpoints/`
  }

  /** By job, then oldest first. */
  async files(): Promise<CheckpointFile[]> {
    const files: CheckpointFile[] = []
    for await (const { path } of this.storage.list(this.prefix)) {
      const match = METADATA_PATH.exec(path)
      if (match === null) continue
      const [, applicationId = '', checkpoint = '', epoch = ''] = match
      files.push({ applicationId, checkpoint: Number(checkpoint), epoch: Number(epoch), path })
    }
    return files
  }

  /** One that cannot be read does not hide the others. One that was deleted meanwhile, by the running job, is left out. */
  async *list(): AsyncIterable<CheckpointSummary | UnreadableCheckpoint> {
    for (const file of await this.files()) {
      try {
        yield summaryOf(file, await this.read(file))
      } catch (error) {
        if (!isMillraceError(error)) throw error
        const code: string = error.code
        if (code !== 'MR_STORAGE_NOT_FOUND') yield { ...file, error: { code, message: error.message } }
      }
    }
  }

  async read(file: CheckpointFile): Promise<CheckpointMetadata> {
    return decodeMetadata(await this.storage.get(file.path), file.path)
  }
}

export function summaryOf(file: CheckpointFile, metadata: CheckpointMetadata): CheckpointSummary {
  const state = storedState(metadata)
  return {
    ...file,
    kind: metadata.kind,
    completedAt: metadata.completedAt,
    durationMs: metadata.durationMs,
    writtenBytes: metadata.writtenBytes,
    totalBytes: metadata.totalBytes,
    entries: entriesOf(metadata),
    liveBytes: state.liveBytes,
    ...stateFactors(state),
  }
}

function entriesOf({ chains }: CheckpointMetadata): number {
  let entries = 0
  for (const chain of Object.values(chains)) for (const link of chain) entries += link.entries
  return entries
}
