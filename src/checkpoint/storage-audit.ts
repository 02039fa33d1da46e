/**
 * Compares a job's files with what its checkpoints refer to, from the storage alone: every metadata file that lies there
 * counts as a checkpoint. So it finds less to delete than the job itself would, never more.
 */
import { isMillraceError } from '../common/errors.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import { decodeMetadata, type SegmentReference, sha256Hex } from './metadata.ts'
import { jobFiles, unfinishedSavepoints } from './stored-files.ts'

export interface AuditedFile {
  readonly path: string
  readonly bytes: number
}

export interface StorageAudit {
  readonly applicationId: string
  readonly checkpoints: number
  readonly files: number
  readonly bytes: number
  /** Referred to, and not there. */
  readonly missing: readonly { readonly path: string; readonly checkpoint: number }[]
  /** There, and not what it should be. */
  readonly corrupt: readonly { readonly path: string; readonly problem: string }[]
  /** Of epochs before the newest checkpoint's: segments that none refers to, savepoints that were not finished. Nothing will need them. */
  readonly unreferenced: readonly AuditedFile[]
  /** Likewise of its epoch or a later one: of a checkpoint or a merge that may be under way, or was when a worker died. */
  readonly underWay: readonly AuditedFile[]
}

export interface AuditOptions {
  /** Read all segments and compare their SHA-256; otherwise only their sizes are compared. */
  readonly isDeep: boolean
}

export async function auditStorage(
  storage: CheckpointStorage,
  applicationId: string,
  { isDeep }: AuditOptions,
): Promise<StorageAudit> {
  const metadataFiles: string[] = []
  const segments = new Map<string, { readonly bytes: number; readonly epoch: number }>()
  let files = 0
  let bytes = 0
  let newestEpoch = -1
  for await (const file of jobFiles(storage, applicationId)) {
    files++
    bytes += file.bytes
    if (file.kind === 'metadata') {
      metadataFiles.push(file.path)
      newestEpoch = Math.max(newestEpoch, file.epoch)
    } else {
      segments.set(file.path, file)
    }
  }
  const missing: { path: string; checkpoint: number }[] = []
  const corrupt: { path: string; problem: string }[] = []
  const referred = new Map<string, SegmentReference & { readonly checkpoint: number }>()
  for (const path of metadataFiles) {
    try {
      const metadata = decodeMetadata(await storage.get(path), path)
      for (const segment of metadata.segments) referred.set(segment.path, { ...segment, checkpoint: metadata.checkpoint })
    } catch (error) {
      // The running job has dropped it meanwhile; what it alone referred to is gone too, or shows as unreferenced.
      if (isMillraceError(error, 'MR_STORAGE_NOT_FOUND')) continue
      if (!isMillraceError(error)) throw error
      corrupt.push({ path, problem: `${error.code}: ${error.message}` })
    }
  }
  for (const segment of referred.values()) {
    const { path, checkpoint } = segment
    const found = segments.get(path)
    if (found === undefined) missing.push({ path, checkpoint })
    else if (found.bytes !== segment.bytes) corrupt.push({ path, problem: `${found.bytes} bytes instead of ${segment.bytes}` })
    else if (isDeep && sha256Hex(await storage.get(path)) !== segment.sha256)
      corrupt.push({ path, problem: 'its SHA-256 differs' })
  }
  const unreferenced: AuditedFile[] = []
  const underWay: AuditedFile[] = []
  for (const [path, { bytes: own, epoch }] of segments) {
    if (!referred.has(path)) (epoch < newestEpoch ? unreferenced : underWay).push({ path, bytes: own })
  }
  for await (const { path, bytes: own, epoch } of unfinishedSavepoints(storage, applicationId)) {
    ;(epoch < newestEpoch ? unreferenced : underWay).push({ path, bytes: own })
  }
  return { applicationId, checkpoints: metadataFiles.length, files, bytes, missing, corrupt, unreferenced, underWay }
}

export function isClean({ missing, corrupt, unreferenced }: StorageAudit): boolean {
  return missing.length + corrupt.length + unreferenced.length === 0
}
