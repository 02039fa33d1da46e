/**
 * How keys and values lie in the local database. It is a cache of the checkpoint, so this layout is nobody's format: one
 * with another LAYOUT_VERSION is dropped and restored.
 *
 *   key    u32 task ordinal · state key bytes            value   u8 0 · bytes
 *                                                                u8 1 · f64 expires at, ms since 1970 · bytes
 *   key    u32 0 · 'v'                                   value   LAYOUT_VERSION
 *   key    u32 0 · 't' · task key                        value   u32 task ordinal
 *   key    u32 0 · 'm' · task key                        value   the task's marker, JSON
 *
 * Ordinals keep keys short; they are given by this directory alone and mean nothing elsewhere. Numbers are big-endian,
 * so a task's keys lie together and one range deletion removes them.
 */
import { latin1Slice } from '../../common/bytes.ts'
import type { TaskMarker } from '../../ports/state-backend.ts'
import type { TaskKey } from '../../records/task-id.ts'

export const LAYOUT_VERSION = '2'
export const ORDINAL_BYTES = 4
export const PLAIN_HEADER_BYTES = 1
export const EXPIRING_HEADER_BYTES = 9

const OWN_RECORDS = 0

export const ordinalStart = (ordinal: number): Buffer => {
  const key = Buffer.allocUnsafe(ORDINAL_BYTES)
  key.writeUInt32BE(ordinal)
  return key
}

/** The bounds of the keys of `ordinal` that begin with `prefix`: from inclusive, to exclusive. */
export function keyRange(ordinal: number, prefix: string): { gte: Buffer; lt: Buffer } {
  const gte = Buffer.concat([ordinalStart(ordinal), Buffer.from(prefix, 'latin1')])
  // The least key behind all that begin with it: drop bytes that cannot be raised, then raise the last.
  let last = gte.length - 1
  while (gte[last] === 0xff) last--
  const lt = Buffer.from(gte.subarray(0, last + 1))
  lt[last]!++
  return { gte, lt }
}

const ownKey = (text: string): Buffer => Buffer.concat([ordinalStart(OWN_RECORDS), Buffer.from(text)])

export const versionKey = ownKey('v')
export const ordinalKey = (task: TaskKey): Buffer => ownKey(`t${task}`)
export const markerKey = (task: TaskKey): Buffer => ownKey(`m${task}`)
export const ownRecordsRange = keyRange(OWN_RECORDS, '')

export const encodeMarker = ({ checkpoint, epoch, metadataDigest, since }: TaskMarker): Buffer =>
  Buffer.from(JSON.stringify({ checkpoint, epoch, metadataDigest, since }))

export type OwnRecord =
  | { readonly kind: 'version'; readonly version: string }
  | { readonly kind: 'ordinal'; readonly task: TaskKey; readonly ordinal: number }
  | { readonly kind: 'marker'; readonly task: TaskKey; readonly marker: TaskMarker }
  | { readonly kind: 'unknown' }

/** Throws a plain Error on bytes that this layout cannot hold. */
export function decodeOwnRecord(key: Buffer, value: Buffer): OwnRecord {
  const task = key.toString('utf8', ORDINAL_BYTES + 1)
  switch (latin1Slice(key, ORDINAL_BYTES, ORDINAL_BYTES + 1)) {
    case 'v':
      return { kind: 'version', version: value.toString() }
    case 't':
      return { kind: 'ordinal', task, ordinal: value.readUInt32BE() }
    case 'm':
      return { kind: 'marker', task, marker: JSON.parse(value.toString()) as TaskMarker }
    default:
      return { kind: 'unknown' }
  }
}

export function expiryOf(stored: Buffer): number {
  return stored[0] === 0 ? 0 : stored.readDoubleBE(1)
}

export function contentOf(stored: Buffer): Buffer {
  return stored.subarray(stored[0] === 0 ? PLAIN_HEADER_BYTES : EXPIRING_HEADER_BYTES)
}
