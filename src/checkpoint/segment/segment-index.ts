/** Finds the slices of a segment file from the file itself. The protocol does not need it: its manifests hold them too. */
import { crc32c } from '../../common/crc32c.ts'
import type { SegmentSlice } from '../manifest.ts'
import type { RangeReader } from './decode-slice.ts'
import { corruptChecksum, corruptSegment, unknownVersion } from './segment-errors.ts'
import { FILE_HEADER_BYTES, FOOTER_BYTES, FOOTER_MAGIC, FORMAT_VERSION } from './segment-format.ts'

/**
 * @param fileBytes the length of the file
 * @throws MR_SEGMENT_CORRUPT, MR_SEGMENT_UNKNOWN_VERSION
 */
export async function readSegmentIndex(read: RangeReader, fileBytes: number, path: string): Promise<SegmentSlice[]> {
  const place = { path }
  if (fileBytes < FILE_HEADER_BYTES + FOOTER_BYTES) throw corruptSegment(place, `it has only ${fileBytes} bytes`)
  const footerAt = fileBytes - FOOTER_BYTES
  const footer = await read(footerAt, fileBytes)
  if (footer.length !== FOOTER_BYTES || !footer.subarray(20).equals(FOOTER_MAGIC)) {
    throw corruptSegment(place, 'it does not end as a segment does: it is cut off, or another kind of file')
  }
  const version = footer.readUInt16BE(16)
  if (version !== FORMAT_VERSION) throw unknownVersion(place, version)
  const indexAt = Number(footer.readBigUInt64BE(0))
  const indexBytes = footer.readUInt32BE(8)
  if (indexAt + indexBytes !== footerAt) throw corruptSegment(place, 'its footer does not fit its length')
  const index = await read(indexAt, footerAt)
  const expected = footer.readUInt32BE(12)
  const found = crc32c(index)
  if (expected !== found) throw corruptChecksum(place, expected, found)
  return (JSON.parse(index.toString()) as { slices: SegmentSlice[] }).slices
}

/** For a file that is in memory. */
export function rangesOf(file: Buffer): RangeReader {
  return async (start, end) => file.subarray(start, end)
}
