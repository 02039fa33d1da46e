/**
 * Writes entries of one task into blocks. An entry is
 *
 *   varint   bytes that its key shares with the key before it in the block
 *   varint   further bytes of its key
 *   varint   0: the key is deleted; else 1 + 2 × bytes of the value + (1 if it expires)
 *   bytes    the rest of the key
 *   varint   when it expires, ms since 1970; only if it does
 *   bytes    the value
 *
 * A block of 64 KiB costs some 0.7 ms, half of it zstd. Compressing that in the thread pool was measured to cost the
 * event loop about as much as compressing in place: its turn-around is 50 to 200 µs. Large values go there.
 */

import { promisify } from 'node:util'
import { constants, zstdCompress, zstdCompressSync } from 'node:zlib'
import { assert } from '../../common/assert.ts'
import { ByteWriter } from '../../common/byte-writer.ts'
import { crc32c } from '../../common/crc32c.ts'
import { VARINT_MAX_BYTES, writeVarint } from '../../common/leb128.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import {
  BLOCK_HEADER_BYTES,
  BLOCK_LIMIT_BYTES,
  BLOCK_TARGET_BYTES,
  type BlockCodec,
  CODEC_NONE,
  CODEC_ZSTD,
} from './segment-format.ts'

/** Level 1: of a state of counters and sums, level 3 saves 1 to 8 % more for twice the time. */
const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
/** Below this zstd's frame header and the call cost more than they save. */
const COMPRESS_FROM_BYTES = 128
const compressInPool = promisify(zstdCompress)
const COMPRESS_IN_POOL_FROM_BYTES = 512 * 1024
/** Below this a loop is faster than a call that copies. */
const SMALL_BYTES = 24

export interface EncodedBlock {
  readonly header: Buffer
  readonly payload: Buffer
  readonly entries: number
}

export class BlockEncoder {
  private readonly writer = new ByteWriter(BLOCK_TARGET_BYTES + 4096)

  /** The block that begins with entry `from`. One at a time. */
  async encode(changes: StateChanges, from: number): Promise<EncodedBlock> {
    this.writer.reset()
    let previous = ''
    let at = from
    while (at < changes.keys.length && this.writer.position < BLOCK_TARGET_BYTES) {
      const key = changes.keys[at]!
      assert(at === 0 || changes.keys[at - 1]! < key, 'state changes are sorted')
      this.writeEntry(changes, at, sharedBytes(previous, key))
      previous = key
      at++
    }
    return this.finish(at - from)
  }

  private writeEntry(changes: StateChanges, at: number, shared: number): void {
    const key = changes.keys[at]!
    const start = changes.valueStarts[at]!
    const valueBytes = start < 0 ? 0 : changes.valueEnds[at]! - start
    const expiresAtMs = start < 0 ? 0 : (changes.expiresAtMs?.[at] ?? 0)
    let position = this.writer.reserve(4 * VARINT_MAX_BYTES + key.length - shared + valueBytes)
    assert(this.writer.position + key.length + valueBytes < BLOCK_LIMIT_BYTES, 'a value is smaller than 1 GiB')
    const { buffer } = this.writer
    position = writeVarint(buffer, position, shared)
    position = writeVarint(buffer, position, key.length - shared)
    position = writeVarint(buffer, position, start < 0 ? 0 : 1 + 2 * valueBytes + (expiresAtMs === 0 ? 0 : 1))
    if (key.length - shared <= SMALL_BYTES) {
      for (let i = shared; i < key.length; i++) buffer[position++] = key.charCodeAt(i)
    } else {
      position += buffer.write(key.slice(shared), position, 'latin1')
    }
    if (expiresAtMs !== 0) position = writeVarint(buffer, position, expiresAtMs)
    if (valueBytes <= SMALL_BYTES) {
      for (let i = start; i < start + valueBytes; i++) buffer[position++] = changes.values[i]!
    } else {
      position += changes.values.copy(buffer, position, start, start + valueBytes)
    }
    this.writer.position = position
  }

  /** The writer's buffer is used again for the next block. */
  private finish(entries: number): Promise<EncodedBlock> {
    return packBlock(this.writer.written(), entries)
  }
}

/** @param raw its own until it resolves; what it resolves with has no part of it */
export async function packBlock(raw: Buffer, entries: number): Promise<EncodedBlock> {
  let codec: BlockCodec = CODEC_NONE
  let payload = raw
  if (raw.length >= COMPRESS_FROM_BYTES) {
    const isLarge = raw.length >= COMPRESS_IN_POOL_FROM_BYTES
    const compressed = isLarge ? await compressInPool(raw, COMPRESSION) : zstdCompressSync(raw, COMPRESSION)
    if (compressed.length < raw.length) [codec, payload] = [CODEC_ZSTD, ownBytes(compressed)]
  }
  if (codec === CODEC_NONE) payload = Buffer.from(raw)
  const header = Buffer.alloc(BLOCK_HEADER_BYTES)
  header.writeUInt32BE(payload.length, 0)
  header.writeUInt32BE(raw.length, 4)
  header.writeUInt32BE(entries, 8)
  header.writeUInt8(codec, 12)
  header.writeUInt32BE(crc32c(payload, crc32c(header.subarray(0, 16))), 16)
  return { header, payload, entries }
}

/** Node.js takes small results from its pool: one that waits to be written would hold 64 KiB, most of it garbage of others. */
function ownBytes(bytes: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(own)
  return own
}

function sharedBytes(previous: string, key: string): number {
  const limit = Math.min(previous.length, key.length)
  let shared = 0
  while (shared < limit && previous.charCodeAt(shared) === key.charCodeAt(shared)) shared++
  return shared
}
