/**
 * LZ4 in its frame format, as KIP-57 has it (lz4_Frame_format.md 1.6). Blocks are written independent: the Java client
 * reads no others. The native decoder knows no limit and takes a frame without its end mark for a whole one, so a walk
 * over the block headers goes before it.
 */
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import { corruptBatch } from './corrupt-batch.ts'
import { decompressedTooLarge } from './decompression-limit.ts'

const MAGIC = 0x184d2204
/** Flags, block descriptor and header checksum; two more fields may stand between. */
const FLAGS_AT = 4
const BLOCK_DESCRIPTOR_AT = 5
const MIN_HEADER_BYTES = 7
const BLOCK_CHECKSUM_FLAG = 0x10
const CONTENT_SIZE_FLAG = 0x08
const CONTENT_CHECKSUM_FLAG = 0x04
const DICTIONARY_FLAG = 0x01
const END_MARK = 0
/** In a block's length: the block is stored as it is. */
const STORED_FLAG = 0x80000000
/** No run of matches makes more than 255 bytes out of one. */
const MAX_EXPANSION = 255

export function compressLz4(data: Uint8Array): Buffer {
  return compressFrameSync(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
}

export function decompressLz4(data: Buffer, maxBytes: number): Buffer {
  const frame = readFrame(data)
  // The cheap bound is nearly always enough. Where it is not, the blocks are measured before any is decompressed.
  if (frame.atMost > maxBytes && measureBlocks(data, frame) > maxBytes) throw decompressedTooLarge('lz4', maxBytes)
  try {
    return decompressFrameSync(data.subarray(0, frame.end))
  } catch (cause) {
    throw corruptBatch('lz4: the records cannot be decompressed', cause)
  }
}

interface Frame {
  readonly blocksAt: number
  /** Bytes of checksum behind every block. */
  readonly blockTrailer: number
  readonly end: number
  /** It decompresses to no more than this. */
  readonly atMost: number
}

/** Walks the frame's blocks without looking into them; refuses what is cut off. Bytes behind the frame are ignored, as Java does. */
function readFrame(data: Buffer): Frame {
  if (data.length < MIN_HEADER_BYTES || data.readUInt32LE(0) !== MAGIC) throw corruptBatch('lz4: not a frame')
  const flags = data[FLAGS_AT] as number
  const sizeCode = ((data[BLOCK_DESCRIPTOR_AT] as number) >> 4) & 0x07
  if (sizeCode < 4) throw corruptBatch(`lz4: unknown block size ${sizeCode}`)
  const blockLimit = 1 << (8 + 2 * sizeCode) // 64 KiB, 256 KiB, 1 MiB, 4 MiB
  const blockTrailer = flags & BLOCK_CHECKSUM_FLAG ? 4 : 0
  const blocksAt = MIN_HEADER_BYTES + (flags & CONTENT_SIZE_FLAG ? 8 : 0) + (flags & DICTIONARY_FLAG ? 4 : 0)
  let atMost = 0
  let p = blocksAt
  for (;;) {
    if (p + 4 > data.length) throw corruptBatch('lz4: the frame is cut off')
    const length = data.readUInt32LE(p)
    p += 4
    if (length === END_MARK) break
    const bytes = length % STORED_FLAG
    if (bytes > blockLimit || bytes + blockTrailer > data.length - p) throw corruptBatch(`lz4: a block claims ${bytes} bytes`)
    atMost += length >= STORED_FLAG ? bytes : Math.min(blockLimit, bytes * MAX_EXPANSION)
    p += bytes + blockTrailer
  }
  return { blocksAt, blockTrailer, end: p + (flags & CONTENT_CHECKSUM_FLAG ? 4 : 0), atMost }
}

/** What the blocks of a frame decompress to, by their own lengths. `readFrame` has walked them. */
function measureBlocks(data: Buffer, frame: Frame): number {
  let total = 0
  let p = frame.blocksAt
  for (;;) {
    const length = data.readUInt32LE(p)
    if (length === END_MARK) return total
    const bytes = length % STORED_FLAG
    total += length >= STORED_FLAG ? bytes : measureBlock(data, p + 4, p + 4 + bytes)
    p += 4 + bytes + frame.blockTrailer
  }
}

/** A block is sequences of a token, literals and a match; the last has literals only (lz4_Block_format.md). */
function measureBlock(data: Buffer, at: number, end: number): number {
  let length = 0
  let p = at
  /** A length of 15 goes on in the bytes behind it, up to the first that isn't 255. */
  const extended = (nibble: number): number => {
    let sum = nibble
    for (let byte = nibble === 15 ? 255 : 0; byte === 255 && p < end; sum += byte) byte = data[p++] as number
    return sum
  }
  while (p < end) {
    const token = data[p++] as number
    const literals = extended(token >> 4)
    length += literals
    p += literals
    if (p >= end) break
    p += 2 // the match's offset
    length += extended(token & 15) + 4
  }
  return length
}
