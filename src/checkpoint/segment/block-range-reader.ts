/** Takes some blocks of a slice apart, one behind another: without its header, whose counts are of all blocks. */
import type { StateChanges } from '../../records/state-changes.ts'
import { decodeBlock, readBlockHeader } from './block-decoder.ts'
import { corruptSegment } from './segment-errors.ts'
import { BLOCK_HEADER_BYTES } from './segment-format.ts'
import type { PartReader, SlicePlace } from './slice-reader.ts'

export class BlockRangeReader implements PartReader {
  private readonly place: SlicePlace
  private unread: number
  private block: number
  private lastKey: string | null = null

  /**
   * @param bytes from the beginning of the first block to the end of the last
   * @param firstBlock its number in the slice
   */
  constructor(place: SlicePlace, bytes: number, firstBlock: number) {
    this.place = place
    this.unread = bytes
    this.block = firstBlock
  }

  get isAtEnd(): boolean {
    return this.unread === 0
  }

  neededBytes(bytes: Buffer, at: number): number {
    if (bytes.length - at < BLOCK_HEADER_BYTES) return BLOCK_HEADER_BYTES
    return BLOCK_HEADER_BYTES + readBlockHeader(bytes, at).payloadBytes
  }

  read(bytes: Buffer, at: number): StateChanges {
    const place = { ...this.place, block: this.block }
    this.unread -= this.neededBytes(bytes, at)
    if (this.unread < 0) throw corruptSegment(place, 'it ends behind the place where the index has the next one')
    const changes = decodeBlock(bytes, at, this.place.task, place)
    const first = changes.keys[0]
    if (first === undefined || (this.lastKey !== null && first <= this.lastKey)) {
      throw corruptSegment(place, 'it is out of order')
    }
    this.lastKey = changes.keys.at(-1)!
    this.block++
    return changes
  }

  wrongLength(availableBytes: number, neededBytes: number): Error {
    return corruptSegment({ ...this.place, block: this.block }, `${availableBytes} bytes where ${neededBytes} are needed`)
  }
}
