/** The compressions of a record batch, synchronous: a batch is at most a few megabytes and its worker waits for it anyway. */
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { assert } from '../../../src/common/assert.ts'
import { corruptBatch } from './corrupt-batch.ts'
import { decompressedTooLarge } from './decompression-limit.ts'
import { compressLz4, decompressLz4 } from './lz4-frame.ts'
import { compressSnappy, decompressSnappy } from './snappy-xerial.ts'

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** By the id in a batch's attributes. */
export const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** `none` answers the very bytes given. */
export function compress(kind: Compression, data: Uint8Array): Buffer {
  switch (kind) {
    case 'none':
      return asBuffer(data)
    case 'gzip':
      return gzipSync(data)
    case 'snappy':
      return compressSnappy(data)
    case 'lz4':
      return compressLz4(data)
    case 'zstd':
      return zstdCompressSync(data)
  }
}

/**
 * Throws MR_KAFKA_CORRUPT_BATCH for bytes that are not of this compression, MR_KAFKA_BATCH_TOO_LARGE where the result
 * would pass `maxBytes`; allocates no more than that. `none` answers the very bytes given.
 */
export function decompress(kind: Compression, data: Uint8Array, maxBytes: number): Buffer {
  assert(maxBytes > 0, 'the limit of a decompression is positive')
  switch (kind) {
    case 'none':
      if (data.length > maxBytes) throw decompressedTooLarge(kind, maxBytes)
      return asBuffer(data)
    case 'gzip':
      return bounded(kind, maxBytes, () => gunzipSync(data, { maxOutputLength: maxBytes, chunkSize: outputChunk(data) }))
    case 'snappy':
      return decompressSnappy(asBuffer(data), maxBytes)
    case 'lz4':
      return decompressLz4(asBuffer(data), maxBytes)
    case 'zstd':
      return bounded(kind, maxBytes, () =>
        zstdDecompressSync(data, { maxOutputLength: maxBytes, chunkSize: outputChunk(data) }),
      )
  }
}

/** zlib's output comes in chunks and is joined: one that holds most batches whole saves the joining. */
function outputChunk(data: Uint8Array): number {
  return Math.min(Math.max(8 * data.length, 16 * 1024), 256 * 1024)
}

function bounded(kind: Compression, maxBytes: number, run: () => Buffer): Buffer {
  try {
    return run()
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw decompressedTooLarge(kind, maxBytes)
    throw corruptBatch(`${kind}: the records cannot be decompressed`, cause)
  }
}

function asBuffer(data: Uint8Array): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}
