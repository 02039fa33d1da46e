/**
 * What to say when the restore point can't be read. The job never takes an older checkpoint by itself: which output comes a
 * second time then is for people to decide. They are told which file it is, which older checkpoint is whole, what going
 * back to it costs, and how.
 */
import { type CheckpointMetadata, decodeMetadata, sha256Hex } from '../../checkpoint/metadata.ts'
import type { RestorePoint } from '../../checkpoint/protocol/control-records.ts'
import type { LogView } from '../../checkpoint/protocol/log-view.ts'
import { type ErrorCode, isMillraceError, MillraceError } from '../../common/errors.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'

/** Errors of a file that is damaged, gone, or of another release: reading it again shows the same. */
const UNREADABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'MR_CHECKPOINT_CORRUPT',
  'MR_CHECKPOINT_UNKNOWN_VERSION',
  'MR_SEGMENT_CORRUPT',
  'MR_SEGMENT_UNKNOWN_VERSION',
  'MR_STORAGE_NOT_FOUND',
])

/** Up to here the contents of an older checkpoint's files are compared too: seconds, and little memory. */
const DEEP_BYTES = 64 * 1024 * 1024

export function isUnreadable(error: unknown): error is MillraceError {
  return isMillraceError(error) && UNREADABLE.has(error.code)
}

export interface UnreadableParts {
  readonly view: LogView
  readonly storage: CheckpointStorage
  readonly applicationId: string
}

/** The same error, with the way back; any other error as it is. Never rejects. */
export async function explainUnreadable(error: unknown, parts: UnreadableParts): Promise<unknown> {
  const { view, applicationId } = parts
  const { restorePoint } = view
  if (!isUnreadable(error) || restorePoint === null || error.details.restorePoint !== undefined) return error
  const older = view.retained.filter(({ checkpoint }) => checkpoint < restorePoint.checkpoint).toReversed()
  const whole = await newestWhole(parts, older, error.message)
  const way = whole === undefined ? noWayBack(older) : wayBack(view, restorePoint, whole)
  return new MillraceError(error.code, `checkpoint ${restorePoint.checkpoint} cannot be restored: ${error.message}; ${way}`, {
    cause: error,
    remedy:
      whole === undefined
        ? error.remedy
        : `${error.remedy} Or give up what was completed since, and have its output a second time: millrace rewind ${applicationId} --to-checkpoint ${whole.point.checkpoint}`,
    details: {
      ...error.details,
      restorePoint: restorePoint.checkpoint,
      ...(whole === undefined ? {} : { fallbackCheckpoint: whole.point.checkpoint }),
    },
  })
}

interface WholeCheckpoint {
  readonly point: RestorePoint
  readonly metadata: CheckpointMetadata
  /** Else only that all its files are there, with their sizes. */
  readonly isCompared: boolean
}

function wayBack(view: LogView, { checkpoint }: RestorePoint, { point, metadata, isCompared }: WholeCheckpoint): string {
  const back = view.lineage.filter((one) => one.checkpoint > point.checkpoint).length
  const decidedAt = view.history.findLast((one) => one.checkpoint === checkpoint)?.decidedAt
  const lostMs = decidedAt == null ? Number.NaN : Date.parse(decidedAt) - Date.parse(metadata.completedAt)
  const lost = Number.isFinite(lostMs) ? `, ${(Math.max(0, lostMs) / 1000).toFixed(1)} s` : ''
  const how = isCompared ? '' : ' by the sizes of its files (millrace checkpoints verify --deep compares their contents)'
  return `the newest older checkpoint that is whole${how} is ${point.checkpoint} of ${metadata.completedAt}: ${back} completed checkpoints${lost} back`
}

function noWayBack(older: readonly RestorePoint[]): string {
  if (older.length === 0) return 'no older checkpoint is retained'
  return `none of the older ones that are retained is whole either: ${older.map(({ checkpoint }) => checkpoint).join(', ')}`
}

/** @param damage names the file that must not be needed */
async function newestWhole(
  { storage, applicationId }: UnreadableParts,
  newestFirst: readonly RestorePoint[],
  damage: string,
): Promise<WholeCheckpoint | undefined> {
  try {
    const sizes = new Map<string, number>()
    for await (const { path, bytes } of storage.list(`${applicationId}/segments/`)) sizes.set(path, bytes)
    for (const point of newestFirst) {
      const metadata = await readable(storage, point)
      if (metadata === undefined) continue
      const { segments } = metadata
      if (segments.some(({ path, bytes }) => sizes.get(path) !== bytes || damage.includes(path))) continue
      const isCompared = segments.reduce((sum, { bytes }) => sum + bytes, 0) <= DEEP_BYTES
      if (isCompared && !(await haveTheirDigests(storage, segments))) continue
      return { point, metadata, isCompared }
    }
  } catch {
    // The storage doesn't answer now: what is known is said.
  }
  return undefined
}

async function readable(storage: CheckpointStorage, point: RestorePoint): Promise<CheckpointMetadata | undefined> {
  try {
    return decodeMetadata(await storage.get(point.path), point.path, point.sha256)
  } catch (error) {
    if (isUnreadable(error)) return undefined
    throw error
  }
}

async function haveTheirDigests(storage: CheckpointStorage, segments: CheckpointMetadata['segments']): Promise<boolean> {
  for (const { path, sha256 } of segments) if (sha256Hex(await storage.get(path)) !== sha256) return false
  return true
}
