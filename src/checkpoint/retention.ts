/** Deletes what a dropped checkpoint refers to and no retained one does (R14). Its `checkpoint-dropped` was read back. */
import { isMillraceError } from '../common/errors.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import { decodeMetadata } from './metadata.ts'
import type { RestorePoint } from './protocol/control-records.ts'

/**
 * A chain is never changed but by adding segments behind and by replacing some with a merged one, so a segment that the
 * oldest retained checkpoint does not refer to is referred to by no newer one either: that one is all there is to read.
 */
export async function dropCheckpoint(
  storage: CheckpointStorage,
  dropped: RestorePoint,
  oldestRetained: RestorePoint,
): Promise<void> {
  const kept = new Set((await readMetadata(storage, oldestRetained)).segments.map((segment) => segment.path))
  let unreferenced: string[]
  try {
    const { segments } = await readMetadata(storage, dropped)
    unreferenced = segments.map((segment) => segment.path).filter((path) => !kept.has(path))
  } catch (error) {
    // Deleted before: a crash came between the deletion and here.
    if (isMillraceError(error, 'MR_STORAGE_NOT_FOUND')) return
    throw error
  }
  // Segments first: without its metadata nobody would know of them.
  await storage.delete(unreferenced)
  await storage.delete([dropped.path])
}

async function readMetadata(storage: CheckpointStorage, point: RestorePoint) {
  return decodeMetadata(await storage.get(point.path), point.path, point.sha256)
}
