/**
 * Deletes what attempts that died have left behind (R14): files of epochs older than the current claim that no
 * checkpoint refers to which the control log still holds, and savepoints that were not finished.
 *
 * Nothing that is needed can be among them. What a checkpoint of this epoch will refer to is either of this epoch or
 * referred to by its restore point, which is retained now; files of this epoch are never touched, so neither is an
 * upload that is under way. A zombie of an older epoch may still put files later: the next sweep finds those.
 */
import type { CheckpointStorage, StoredFile } from '../ports/checkpoint-storage.ts'
import { decodeMetadata } from './metadata.ts'
import type { RestorePoint } from './protocol/control-records.ts'
import { jobFiles, unfinishedSavepoints } from './stored-files.ts'

export interface SweepParts {
  readonly storage: CheckpointStorage
  readonly applicationId: string
  /** The current claim. */
  readonly epoch: number
  /** All that are not dropped, those given up by a rewind included. */
  readonly kept: readonly RestorePoint[]
  /** Called before each deletion: waits, so that the sweep takes its time; throws to end it. */
  readonly pause: () => Promise<void>
}

/** Files of one call of `delete`. */
const FILES_AT_ONCE = 100

/** @throws what reading the metadata of a kept checkpoint throws: then nothing is deleted */
export async function sweepOrphans(parts: SweepParts): Promise<{ readonly files: number; readonly bytes: number }> {
  const { storage, applicationId, epoch, kept, pause } = parts
  const referred = await pathsOf(storage, kept)
  let files = 0
  let bytes = 0
  let batch: StoredFile[] = []
  const remove = async () => {
    if (batch.length === 0) return
    await pause()
    await storage.delete(batch.map(({ path }) => path))
    files += batch.length
    for (const file of batch) bytes += file.bytes
    batch = []
  }
  const orphan = async (file: StoredFile) => {
    batch.push(file)
    if (batch.length >= FILES_AT_ONCE) await remove()
  }
  for await (const file of jobFiles(storage, applicationId)) {
    if (file.epoch < epoch && !referred.has(file.path)) await orphan(file)
  }
  for await (const file of unfinishedSavepoints(storage, applicationId)) if (file.epoch < epoch) await orphan(file)
  await remove()
  return { files, bytes }
}

async function pathsOf(storage: CheckpointStorage, kept: readonly RestorePoint[]): Promise<Set<string>> {
  const paths = new Set<string>()
  for (const { path, sha256 } of kept) {
    paths.add(path)
    for (const segment of decodeMetadata(await storage.get(path), path, sha256).segments) paths.add(segment.path)
  }
  return paths
}
