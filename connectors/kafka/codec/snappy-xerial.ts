/**
 * Snappy as the Java client frames it (xerial's SnappyOutputStream): a 16-byte header, then blocks, each behind its
 * length as an int32. librdkafka writes one bare snappy block instead; both are read.
 */
import { compressSync, uncompressSync } from 'snappy'
import { corruptBatch } from './corrupt-batch.ts'
import { decompressedTooLarge } from './decompression-limit.ts'

/** 0x82 "SNAPPY" 0x00, version 1, lowest compatible version 1. */
const HEADER = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])
const MAGIC_BYTES = 8
/** Bytes of input a block. Xerial takes 32 KiB by default and reads any; 64 KiB is as far as snappy itself looks back. */
const BLOCK_BYTES = 64 * 1024
/** A snappy copy makes at most 64 bytes out of 3: no honest block claims more than this. */
const MAX_EXPANSION = 22

export function compressSnappy(data: Uint8Array): Buffer {
  const parts: Buffer[] = [HEADER]
  let bytes = HEADER.length
  for (let at = 0; at < data.length; at += BLOCK_BYTES) {
    const block = compressSync(data.subarray(at, at + BLOCK_BYTES))
    const length = Buffer.allocUnsafe(4)
    length.writeInt32BE(block.length)
    parts.push(length, block)
    bytes += 4 + block.length
  }
  return Buffer.concat(parts, bytes)
}

export function decompressSnappy(data: Buffer, maxBytes: number): Buffer {
  if (!isFramed(data)) {
    const claimed = claimedLength(data)
    if (claimed > maxBytes) throw decompressedTooLarge('snappy', maxBytes)
    return uncompressBlock(data)
  }
  const blocks: Buffer[] = []
  let total = 0
  let at = HEADER.length
  while (at < data.length) {
    if (at + 4 > data.length) throw corruptBatch('snappy: cut off inside a block length')
    const length = data.readInt32BE(at)
    at += 4
    if (length < 0 || length > data.length - at) throw corruptBatch(`snappy: a block of ${length} bytes runs past the end`)
    const block = data.subarray(at, at + length)
    total += claimedLength(block)
    if (total > maxBytes) throw decompressedTooLarge('snappy', maxBytes)
    blocks.push(uncompressBlock(block))
    at += length
  }
  return blocks.length === 1 ? (blocks[0] as Buffer) : Buffer.concat(blocks, total)
}

function isFramed(data: Buffer): boolean {
  return data.length >= HEADER.length && data.compare(HEADER, 0, MAGIC_BYTES, 0, MAGIC_BYTES) === 0
}

/** The decompressed length that a block claims in its first bytes (a plain varint), refused where no block can hold it. */
function claimedLength(block: Buffer): number {
  let length = 0
  let scale = 1
  for (let at = 0; at < 5; at++) {
    const byte = block[at]
    if (byte === undefined) break
    length += (byte & 0x7f) * scale
    if (byte < 0x80) {
      if (length > block.length * MAX_EXPANSION) throw corruptBatch(`snappy: ${block.length} bytes claim to hold ${length}`)
      return length
    }
    scale *= 0x80
  }
  throw corruptBatch('snappy: a block without a length')
}

function uncompressBlock(block: Buffer): Buffer {
  try {
    return uncompressSync(block, { asBuffer: true }) as Buffer
  } catch (cause) {
    throw corruptBatch('snappy: a block cannot be decompressed', cause)
  }
}
