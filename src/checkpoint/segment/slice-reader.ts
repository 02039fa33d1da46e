/**
 * Takes a slice apart: its header, then block after block. It is fed bytes as they come and says how many it needs, so
 * that a small slice is decoded from one buffer and a large one while it is fetched.
 */
import { crc32c } from '../../common/crc32c.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import type { TaskKey } from '../../records/task-id.ts'
import { decodeBlock, readBlockHeader } from './block-decoder.ts'
import { corruptChecksum, corruptSegment, type SegmentPlace, unknownVersion } from './segment-errors.ts'
import { BLOCK_HEADER_BYTES, FORMAT_VERSION, SLICE_HEADER_BYTES, SLICE_MAGIC } from './segment-format.ts'

export interface SlicePlace extends SegmentPlace {
  readonly task: TaskKey
}

/** Takes bytes apart that are fed to it as they come: a slice, or some of its blocks. */
export interface PartReader {
  readonly isAtEnd: boolean
  /** How many bytes from `at` on the next part has; while its header is incomplete, how many that has. */
  neededBytes(bytes: Buffer, at: number): number
  /** Reads the part at `at`, of which all bytes are there. Null: it holds no entries. */
  read(bytes: Buffer, at: number): StateChanges | null
  /** The error for bytes that end before the last part does, or after. */
  wrongLength(availableBytes: number, neededBytes: number): Error
}

export class SliceReader implements PartReader {
  private readonly place: SlicePlace
  private header: { readonly blocks: number; readonly entries: number } | null = null
  private block = 0
  private entries = 0
  private lastKey: string | null = null

  constructor(place: SlicePlace) {
    this.place = place
  }

  get isAtEnd(): boolean {
    return this.header !== null && this.block === this.header.blocks
  }

  neededBytes(bytes: Buffer, at: number): number {
    const available = bytes.length - at
    if (this.header === null) {
      if (available < SLICE_HEADER_BYTES) return SLICE_HEADER_BYTES
      return SLICE_HEADER_BYTES + bytes.readUInt16BE(at + 6)
    }
    if (available < BLOCK_HEADER_BYTES) return BLOCK_HEADER_BYTES
    return BLOCK_HEADER_BYTES + readBlockHeader(bytes, at).payloadBytes
  }

  read(bytes: Buffer, at: number): StateChanges | null {
    if (this.header === null) {
      this.header = this.readHeader(bytes, at)
      if (this.header.blocks === 0) this.checkEnd()
      return null
    }
    const place = { ...this.place, block: this.block }
    const changes = decodeBlock(bytes, at, this.place.task, place)
    const first = changes.keys[0]
    if (first === undefined || (this.lastKey !== null && first <= this.lastKey))
      throw corruptSegment(place, 'it is out of order')
    this.lastKey = changes.keys.at(-1)!
    this.entries += changes.keys.length
    this.block++
    if (this.isAtEnd) this.checkEnd()
    return changes
  }

  wrongLength(availableBytes: number, neededBytes: number): Error {
    const place = this.header === null ? this.place : { ...this.place, block: this.block }
    if (this.isAtEnd) return corruptSegment(this.place, `${availableBytes} bytes behind its last block`)
    return corruptSegment(place, `${availableBytes} bytes where ${neededBytes} are needed`)
  }

  private readHeader(bytes: Buffer, at: number): { blocks: number; entries: number } {
    const header = bytes.subarray(at)
    if (!header.subarray(0, SLICE_MAGIC.length).equals(SLICE_MAGIC)) throw corruptSegment(this.place, 'no slice begins here')
    const version = header.readUInt16BE(4)
    if (version !== FORMAT_VERSION) throw unknownVersion(this.place, version)
    const name = header.subarray(SLICE_HEADER_BYTES, SLICE_HEADER_BYTES + header.readUInt16BE(6))
    const expected = header.readUInt32BE(16)
    const found = crc32c(name, crc32c(header.subarray(0, 16)))
    if (expected !== found) throw corruptChecksum(this.place, expected, found)
    if (name.toString() !== this.place.task) throw corruptSegment(this.place, `the slice here is that of task ${name}`)
    return { blocks: header.readUInt32BE(8), entries: header.readUInt32BE(12) }
  }

  private checkEnd(): void {
    const expected = this.header!.entries
    if (this.entries !== expected) throw corruptSegment(this.place, `${this.entries} entries where it should have ${expected}`)
  }
}
