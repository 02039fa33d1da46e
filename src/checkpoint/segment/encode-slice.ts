/** Makes a task's slice of a segment: from changes that lie in memory, or from a stream of them. */
import { assert } from '../../common/assert.ts'
import type { Clock } from '../../common/clock.ts'
import { crc32c } from '../../common/crc32c.ts'
import { TimeSlice } from '../../common/time-slice.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import type { TaskKey } from '../../records/task-id.ts'
import { BlockEncoder } from './block-encoder.ts'
import { type BlockMark, separator } from './block-marks.ts'
import { FORMAT_VERSION, SLICE_HEADER_BYTES, SLICE_MAGIC } from './segment-format.ts'

/** Decodes from its own bytes alone, wherever it stands. */
export interface EncodedSlice {
  readonly task: TaskKey
  readonly entries: number
  readonly bytes: number
  readonly chunks: readonly Buffer[]
  /** One for each block; absent: not known. */
  readonly marks?: readonly BlockMark[]
}

export class SliceEncoder {
  private readonly task: TaskKey
  private readonly headerBytes: number
  private readonly timeSlice: TimeSlice
  private readonly blocks = new BlockEncoder()
  private chunks: Buffer[] = []
  private blockCount = 0
  private entries = 0
  private blockBytes = 0
  private marks: BlockMark[] = []
  private lastKey: string | null = null

  constructor(task: TaskKey, clock: Clock) {
    this.task = task
    this.headerBytes = SLICE_HEADER_BYTES + Buffer.byteLength(task)
    this.timeSlice = new TimeSlice(clock)
  }

  /** Of the slice so far, without its header. */
  get bytes(): number {
    return this.blockBytes
  }

  /** Behind everything that was added before. Gives way between blocks, so holds the event loop for some 2 ms at most. */
  async add(changes: StateChanges, signal?: AbortSignal): Promise<void> {
    assert(changes.task === this.task, 'a slice is of one task')
    for (let at = 0; at < changes.keys.length; this.blockCount++) {
      if (this.timeSlice.isOver) await this.timeSlice.giveWay()
      signal?.throwIfAborted()
      this.marks.push({ at: this.headerBytes + this.blockBytes, key: separator(this.lastKey, changes.keys[at]!) })
      const { header, payload, entries } = await this.blocks.encode(changes, at)
      this.chunks.push(header, payload)
      this.blockBytes += header.length + payload.length
      at += entries
      this.lastKey = changes.keys[at - 1]!
      this.entries += entries
    }
  }

  /** Ends the slice; what is added later is another one. */
  finish(): EncodedSlice {
    const { task, entries, marks } = this
    const header = sliceHeader(task, this.blockCount, entries)
    const slice = { task, entries, bytes: header.length + this.blockBytes, chunks: [header, ...this.chunks], marks }
    this.chunks = []
    this.marks = []
    this.lastKey = null
    this.blockCount = this.entries = this.blockBytes = 0
    return slice
  }
}

/** One slice after another, each closed when it reaches `limitBytes`. At least one, if need be without entries. */
export async function* encodeStream(
  task: TaskKey,
  stream: AsyncIterable<StateChanges>,
  limitBytes: number,
  clock: Clock,
): AsyncGenerator<EncodedSlice> {
  const encoder = new SliceEncoder(task, clock)
  let isFirst = true
  for await (const changes of stream) {
    await encoder.add(changes)
    if (encoder.bytes < limitBytes) continue
    yield encoder.finish()
    isFirst = false
  }
  if (isFirst || encoder.bytes > 0) yield encoder.finish()
}

function sliceHeader(task: TaskKey, blocks: number, entries: number): Buffer {
  const name = Buffer.from(task)
  const header = Buffer.alloc(SLICE_HEADER_BYTES + name.length)
  SLICE_MAGIC.copy(header)
  header.writeUInt16BE(FORMAT_VERSION, 4)
  header.writeUInt16BE(name.length, 6)
  header.writeUInt32BE(blocks, 8)
  header.writeUInt32BE(entries, 12)
  name.copy(header, SLICE_HEADER_BYTES)
  header.writeUInt32BE(crc32c(name, crc32c(header.subarray(0, 16))), 16)
  return header
}
