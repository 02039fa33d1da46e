/** Deletes what a dropped checkpoint refers to and no retained one does (R14). Its `checkpoint-dropped` was read back. */
import { defined } from '../common/assert.ts'
import { isMillraceError } from '../common/errors.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import { type CheckpointMetadata, decodeMetadata } from './metadata.ts'
import type { RestorePoint } from './protocol/control-records.ts'

/**
 * A chain is never changed but by adding segments behind and by replacing some with a merged one, so a segment that the
 * oldest retained checkpoint does not refer to is referred to by no newer one either: of a checkpoint older than all
 * retained ones that one is all there is to read. One that a rewind has given up is newer than some: all are read.
 *
 * @param retained oldest first, at least one
 * @returns the metadata of the oldest retained
 */
export async function dropCheckpoint(
  storage: CheckpointStorage,
  dropped: RestorePoint,
  retained: readonly RestorePoint[],
): Promise<CheckpointMetadata> {
  const [oldest, ...newer] = retained
  const first = await readMetadata(storage, defined(oldest, 'a retained checkpoint'))
  const keepers = [first]
  if (first.checkpoint < dropped.checkpoint) {
    for (const point of newer) keepers.push(await readMetadata(storage, point))
  }
  const kept = new Set(keepers.flatMap(({ segments }) => segments.map(({ path }) => path)))
  let unreferenced: string[]
  try {
    const { segments } = await readMetadata(storage, dropped)
    unreferenced = segments.map((segment) => segment.path).filter((path) => !kept.has(path))
  } catch (error) {
    // Deleted before: a crash came between the deletion and here.
    if (isMillraceError(error, 'MR_STORAGE_NOT_FOUND')) return first
    throw error
  }
  // Segments first: without its metadata nobody would know of them.
  await storage.delete(unreferenced)
  await storage.delete([dropped.path])
  return first
}

async function readMetadata(storage: CheckpointStorage, point: RestorePoint) {
  return decodeMetadata(await storage.get(point.path), point.path, point.sha256)
}
