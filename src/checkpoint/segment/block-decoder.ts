/** Reads a block back. The values of its entries are slices of the unpacked payload. */

import { zstdDecompressSync } from 'node:zlib'
import { latin1Slice } from '../../common/bytes.ts'
import { crc32c } from '../../common/crc32c.ts'
import { VarintReader } from '../../common/leb128.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import type { TaskKey } from '../../records/task-id.ts'
import { corruptChecksum, corruptSegment, type SegmentPlace } from './segment-errors.ts'
import { BLOCK_HEADER_BYTES, BLOCK_LIMIT_BYTES, CODEC_NONE, CODEC_ZSTD } from './segment-format.ts'

export interface BlockHeader {
  readonly payloadBytes: number
  readonly rawBytes: number
  readonly entries: number
  readonly codec: number
}

/** @param at where the block begins; the whole header must be there */
export function readBlockHeader(bytes: Buffer, at: number): BlockHeader {
  return {
    payloadBytes: bytes.readUInt32BE(at),
    rawBytes: bytes.readUInt32BE(at + 4),
    entries: bytes.readUInt32BE(at + 8),
    codec: bytes.readUInt8(at + 12),
  }
}

/** @param at where the block begins; the whole block must be there */
export function decodeBlock(bytes: Buffer, at: number, task: TaskKey, place: SegmentPlace): StateChanges {
  const { raw, entries } = unpackBlock(bytes, at, place)
  return decodeEntries(raw, entries, task, place)
}

/** The payload, whatever it holds. @param at where the block begins; the whole block must be there */
export function unpackBlock(bytes: Buffer, at: number, place: SegmentPlace): { raw: Buffer; entries: number } {
  const header = readBlockHeader(bytes, at)
  const payload = bytes.subarray(at + BLOCK_HEADER_BYTES, at + BLOCK_HEADER_BYTES + header.payloadBytes)
  const expected = bytes.readUInt32BE(at + 16)
  const found = crc32c(payload, crc32c(bytes.subarray(at, at + 16)))
  if (expected !== found) throw corruptChecksum(place, expected, found)
  return { raw: unpack(payload, header, place), entries: header.entries }
}

function unpack(payload: Buffer, { codec, rawBytes }: BlockHeader, place: SegmentPlace): Buffer {
  let raw = payload
  if (codec === CODEC_ZSTD) {
    if (rawBytes > BLOCK_LIMIT_BYTES) throw corruptSegment(place, `its block claims ${rawBytes} bytes`)
    try {
      raw = zstdDecompressSync(payload, { maxOutputLength: Math.max(rawBytes, 1) })
    } catch (error) {
      throw corruptSegment(place, `it cannot be unpacked: ${(error as Error).message}`)
    }
  } else if (codec !== CODEC_NONE) {
    throw corruptSegment(place, `compression ${codec} does not exist in this version`)
  }
  if (raw.length !== rawBytes) throw corruptSegment(place, `${raw.length} bytes where the header says ${rawBytes}`)
  return raw
}

function decodeEntries(raw: Buffer, entries: number, task: TaskKey, place: SegmentPlace): StateChanges {
  // An entry has three bytes at least, so the claim cannot make us allocate more than a multiple of the payload.
  if (entries > raw.length / 3) throw corruptSegment(place, `${entries} entries in ${raw.length} bytes`)
  const keys = new Array<string>(entries)
  const valueStarts = new Float64Array(entries)
  const valueEnds = new Float64Array(entries)
  let expiresAtMs: Float64Array | undefined
  const reader = new VarintReader(raw)
  let key = Buffer.allocUnsafe(256)
  let keyBytes = 0
  for (let i = 0; i < entries; i++) {
    const shared = reader.next()
    const rest = reader.next()
    const tag = reader.next()
    const keyEnd = reader.position + rest
    if (reader.isBroken || shared > keyBytes || !(keyEnd <= raw.length)) throw malformed(place, i)
    if (shared + rest > key.length) key = Buffer.concat([key.subarray(0, shared)], (shared + rest) * 2)
    for (let from = reader.position, to = shared; from < keyEnd; ) key[to++] = raw[from++]!
    keyBytes = shared + rest
    keys[i] = latin1Slice(key, 0, keyBytes)
    reader.position = keyEnd
    if (tag === 0) {
      valueStarts[i] = valueEnds[i] = -1
    } else {
      const expires = (tag - 1) % 2 === 1
      if (expires) (expiresAtMs ??= new Float64Array(entries))[i] = reader.next()
      valueStarts[i] = reader.position
      reader.position += Math.floor((tag - 1) / 2)
      valueEnds[i] = reader.position
    }
    if (reader.isBroken || !(reader.position <= raw.length)) throw malformed(place, i)
    if (i > 0 && keys[i - 1]! >= keys[i]!) throw corruptSegment(place, `entry ${i} is out of order`)
  }
  if (reader.position !== raw.length) throw corruptSegment(place, `${raw.length - reader.position} bytes too many`)
  return { task, keys, values: raw, valueStarts, valueEnds, ...(expiresAtMs !== undefined && { expiresAtMs }) }
}

const malformed = (place: SegmentPlace, entry: number) => corruptSegment(place, `entry ${entry} is malformed`)
