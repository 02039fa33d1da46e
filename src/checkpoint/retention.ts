/** Deletes what a dropped checkpoint refers to and no retained one does (R14). Its `checkpoint-dropped` was read back. */
import { defined } from '../common/assert.ts'
import { isMillraceError } from '../common/errors.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import { type CheckpointMetadata, decodeMetadata } from './metadata.ts'
import type { RestorePoint } from './protocol/control-records.ts'

/**
 * Along a line of checkpoints, each the parent of the next, a file is referred to from one of them up to another, without
 * a gap: it comes in with links that are new, a link that compaction has replaced never comes back, and merged slices
 * that ride in a segment replace others while its own changes still stand in chains. So a file that the oldest retained
 * checkpoint does not refer to, and an older one does, is referred to by no newer one either: of a checkpoint older than
 * all retained ones that one is all there is to read. One that a rewind has given up is newer than some: all are read.
 *
 * What is under way needs nothing of it: manifests refer to files of their own epoch that no metadata names yet, and
 * compaction reads what the last completed checkpoint refers to.
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
