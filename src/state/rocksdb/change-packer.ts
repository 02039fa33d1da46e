/**
 * Packs changes into a write batch. All keys and values of a chunk lie in one arena: two small views for an entry
 * instead of two allocations.
 */
import type { WriteBatch } from 'rocksdb-native'
import type { TimeSlice } from '../../common/time-slice.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import { EXPIRING_HEADER_BYTES, ORDINAL_BYTES, PLAIN_HEADER_BYTES } from './key-layout.ts'

const ENTRIES_PER_CHUNK = 1024
/** Below this a loop is faster than a call of copy(). */
const SMALL_VALUE_BYTES = 24

export async function packChanges(batch: WriteBatch, ordinal: number, changes: StateChanges, slice: TimeSlice): Promise<void> {
  for (let from = 0; from < changes.keys.length; from += ENTRIES_PER_CHUNK) {
    packChunk(batch, ordinal, changes, from, Math.min(from + ENTRIES_PER_CHUNK, changes.keys.length))
    if (slice.isOver) await slice.giveWay()
  }
}

function packChunk(batch: WriteBatch, ordinal: number, changes: StateChanges, from: number, to: number): void {
  const { keys, values, valueStarts, valueEnds, expiresAtMs } = changes
  const arena = Buffer.allocUnsafeSlow(arenaBytes(changes, from, to))
  let position = 0
  for (let i = from; i < to; i++) {
    const key = keys[i]!
    const keyStart = position
    arena.writeUInt32BE(ordinal, position)
    position += ORDINAL_BYTES
    position += arena.write(key, position, 'latin1')
    const keyView = arena.subarray(keyStart, position)
    const start = valueStarts[i]!
    if (start < 0) {
      batch.tryDelete(keyView)
      continue
    }
    const valueStart = position
    const expiry = expiresAtMs?.[i] ?? 0
    if (expiry === 0) {
      arena[position++] = 0
    } else {
      arena[position++] = 1
      position = arena.writeDoubleBE(expiry, position)
    }
    const end = valueEnds[i]!
    if (end - start <= SMALL_VALUE_BYTES) for (let at = start; at < end; at++) arena[position++] = values[at]!
    else position += values.copy(arena, position, start, end)
    batch.tryPut(keyView, arena.subarray(valueStart, position))
  }
}

function arenaBytes({ keys, valueStarts, valueEnds, expiresAtMs }: StateChanges, from: number, to: number): number {
  const headerBytes = expiresAtMs === undefined ? PLAIN_HEADER_BYTES : EXPIRING_HEADER_BYTES
  let bytes = (to - from) * (ORDINAL_BYTES + headerBytes)
  for (let i = from; i < to; i++) {
    const start = valueStarts[i]!
    bytes += keys[i]!.length + (start < 0 ? 0 : valueEnds[i]! - start)
  }
  return bytes
}
