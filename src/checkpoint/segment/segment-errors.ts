import { MillraceError } from '../../common/errors.ts'
import { FORMAT_VERSION } from './segment-format.ts'

/** Where bytes come from, for errors. */
export interface SegmentPlace {
  readonly path: string
  /** Absent where the file as a whole is meant. */
  readonly task?: string
  /** Counted from 0 within the task's slice. */
  readonly block?: number
  /** The newest checkpoint that does not need this file, where the caller knows it. */
  readonly fallbackCheckpoint?: number
}

export function corruptSegment(place: SegmentPlace, what: string, details: Record<string, unknown> = {}): MillraceError {
  const { path, task, block, fallbackCheckpoint } = place
  const inside = [task !== undefined && `task ${task}`, block !== undefined && `block ${block}`].filter(Boolean).join(', ')
  return new MillraceError('MR_SEGMENT_CORRUPT', `Segment ${path}${inside && ` (${inside})`} is damaged: ${what}.`, {
    details: { path, ...(task !== undefined && { task }), ...(block !== undefined && { block }), ...details },
    ...(fallbackCheckpoint !== undefined && {
      remedy: `Put the file back from a backup of the storage, or restore checkpoint ${fallbackCheckpoint}, which does not need it.`,
    }),
  })
}

export function corruptChecksum(place: SegmentPlace, expected: number, found: number): MillraceError {
  const [expectedHex, foundHex] = [expected, found].map((checksum) => checksum.toString(16).padStart(8, '0'))
  return corruptSegment(place, `expected checksum ${expectedHex}, found ${foundHex}`, {
    expected: expectedHex,
    found: foundHex,
  })
}

export function unknownVersion({ path }: SegmentPlace, version: number): MillraceError {
  return new MillraceError(
    'MR_SEGMENT_UNKNOWN_VERSION',
    `Segment ${path} has format version ${version}; this Millrace reads version ${FORMAT_VERSION}.`,
    { details: { path, version } },
  )
}
