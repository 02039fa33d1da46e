/** What a segment file says of itself. No running job needs it: its manifests hold the slices too, and it reads them whole. */
import { crc32c } from '../../common/crc32c.ts'
import type { SegmentIndex } from './block-marks.ts'
import type { RangeReader } from './decode-slice.ts'
import { corruptChecksum, corruptSegment, unknownVersion } from './segment-errors.ts'
import { FILE_HEADER_BYTES, FOOTER_BYTES, FOOTER_MAGIC, FORMAT_VERSION } from './segment-format.ts'

/** Read at once from the file's end: most indexes fit, so that most take one request. */
const TAIL_BYTES = 64 * 1024

/**
 * @param fileBytes the length of the file
 * @throws MR_SEGMENT_CORRUPT, MR_SEGMENT_UNKNOWN_VERSION
 */
export async function readSegmentIndex(read: RangeReader, fileBytes: number, path: string): Promise<SegmentIndex> {
  const place = { path }
  if (fileBytes < FILE_HEADER_BYTES + FOOTER_BYTES) throw corruptSegment(place, `it has only ${fileBytes} bytes`)
  const tailAt = Math.max(0, fileBytes - TAIL_BYTES)
  const tail = await read(tailAt, fileBytes)
  const footer = tail.subarray(-FOOTER_BYTES)
  if (tail.length !== fileBytes - tailAt || !footer.subarray(20).equals(FOOTER_MAGIC)) {
    throw corruptSegment(place, 'it does not end as a segment does: it is cut off, or another kind of file')
  }
  const version = footer.readUInt16BE(16)
  if (version !== FORMAT_VERSION) throw unknownVersion(place, version)
  const indexAt = Number(footer.readBigUInt64BE(0))
  const footerAt = fileBytes - FOOTER_BYTES
  if (indexAt + footer.readUInt32BE(8) !== footerAt) throw corruptSegment(place, 'its footer does not fit its length')
  const index = indexAt < tailAt ? await read(indexAt, footerAt) : tail.subarray(indexAt - tailAt, footerAt - tailAt)
  const expected = footer.readUInt32BE(12)
  const found = crc32c(index)
  if (expected !== found) throw corruptChecksum(place, expected, found)
  return JSON.parse(index.toString()) as SegmentIndex
}

/** For a file that is in memory. */
export function rangesOf(file: Buffer): RangeReader {
  return async (start, end) => file.subarray(start, end)
}
