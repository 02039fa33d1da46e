/** LZ4 in its frame format (magic 0x184D2204), as KIP-57 has it. Blocks are independent: the Java client reads no others. */
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import { corruptBatch } from './corrupt-batch.ts'
import { decompressedTooLarge } from './decompression-limit.ts'

export function compressLz4(data: Uint8Array): Buffer {
  return compressFrameSync(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
}

export function decompressLz4(data: Buffer, maxBytes: number): Buffer {
  let result: Buffer
  try {
    result = decompressFrameSync(data)
  } catch (cause) {
    throw corruptBatch('lz4: the records cannot be decompressed', {}, cause)
  }
  if (result.length > maxBytes) throw decompressedTooLarge('lz4', maxBytes)
  return result
}
