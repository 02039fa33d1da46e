import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../../common/clock.ts'
import { isMillraceError, MillraceError } from '../../common/errors.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import { decodeSlice, streamSlice } from './decode-slice.ts'
import { type EncodedSegment, encodeSegment } from './encode-segment.ts'
import { rangesOf, readSegmentIndex } from './segment-index.ts'
import { anyEntries, changesOf, type Entry, entriesOf } from './testing.ts'

const PATH = 'job/segments/0000000007-e3-w0.seg'

async function encodeFile(changes: readonly StateChanges[]): Promise<EncodedSegment & { file: Buffer }> {
  const encoded = await encodeSegment(changes)
  return { ...encoded, file: Buffer.concat(encoded.chunks) }
}

function sliceOf({ file, slices }: EncodedSegment & { file: Buffer }, task: string): Buffer {
  const slice = slices.find((one) => one.task === task)!
  // A copy of its own: nothing around it may be needed.
  return Buffer.from(file.subarray(slice.offset, slice.offset + slice.bytes))
}

const decode = (bytes: Buffer, task: string): Entry[] => entriesOf(decodeSlice(bytes, { path: PATH, task }))

async function stream(bytes: Buffer, task: string, windows = rangesOf(bytes)): Promise<Entry[]> {
  const parts: StateChanges[] = []
  const range = { offset: 0, bytes: bytes.length }
  for await (const part of streamSlice(windows, range, { path: PATH, task })) parts.push(part)
  return entriesOf(parts)
}

describe('a segment', () => {
  it('holds no more memory than its bytes while it waits to be written, whatever is allocated meanwhile', async () => {
    const entries = Array.from({ length: 20_000 }, (_, i): Entry => [`key ${String(i).padStart(8, '0')}`, `value ${i % 7}`, 0])
    const { chunks } = await encodeSegment([changesOf('orders/0', entries)])
    const blocks = chunks.filter(({ length }) => length > 512)
    assert.ok(blocks.length >= 4, `${blocks.length} blocks`)
    for (const { length, buffer } of blocks) assert.equal(buffer.byteLength, length)
  })

  it('gives back the changes of each task from its own byte range', async () => {
    const tasks = fc.uniqueArray(fc.tuple(fc.constantFrom('orders/0', 'orders/1', 'größe/12'), anyEntries(40)), {
      selector: ([task]) => task,
    })
    await fc.assert(
      fc.asyncProperty(tasks, async (all) => {
        const segment = await encodeFile(all.map(([task, entries]) => changesOf(task, entries)))
        assert.equal(segment.bytes, segment.file.length)
        assert.equal(segment.sha256, createHash('sha256').update(segment.file).digest('hex'))
        const filled = all.filter(([, entries]) => entries.length > 0)
        assert.deepEqual(
          segment.slices.map(({ task }) => task),
          filled.map(([task]) => task),
        )
        for (const [i, [task, entries]] of filled.entries()) {
          assert.equal(segment.slices[i]!.entries, entries.length)
          assert.deepEqual(decode(sliceOf(segment, task), task), entries)
          assert.deepEqual(await stream(sliceOf(segment, task), task), entries)
        }
        assert.deepEqual((await readSegmentIndex(rangesOf(segment.file), segment.bytes, PATH)).slices, segment.slices)
      }),
      { numRuns: 150 },
    )
  })

  it('holds many blocks, large values and incompressible ones', async () => {
    const entries: Entry[] = []
    for (let i = 0; i < 20_000; i++) entries.push([`customer-${String(i).padStart(8, '0')}`, `${i * 7919}`, 0])
    entries.push(['large', 'v'.repeat(3_000_000), 0])
    const noise = Buffer.alloc(200_000)
    for (let i = 0, x = 1; i < noise.length; i++) noise[i] = (x = (x * 48271) % 2147483647) >> 8
    entries.push(['noise', noise.toString('latin1'), 5])
    const segment = await encodeFile([changesOf('orders/0', entries)])
    assert(segment.bytes < 450_000, `prefixes and zstd shrink it: ${segment.bytes} bytes`)
    const parts = [...decodeSlice(sliceOf(segment, 'orders/0'), { path: PATH, task: 'orders/0' })]
    assert(parts.length >= 5, `${parts.length} blocks`)
    assert.deepEqual(entriesOf(parts), entries)
    assert.deepEqual(await stream(sliceOf(segment, 'orders/0'), 'orders/0'), entries)
  })

  it('is the same bytes for the same changes', async () => {
    const changes = [changesOf('orders/0', [['a', '1', 0]]), changesOf('orders/1', [['b', null, 0]])]
    assert.equal((await encodeSegment(changes)).sha256, (await encodeSegment(changes)).sha256)
  })

  it('is a file also when there are no changes', async () => {
    const segment = await encodeFile([])
    assert.deepEqual((await readSegmentIndex(rangesOf(segment.file), segment.bytes, PATH)).slices, [])
  })

  it('lets other work run while a large one is made', async () => {
    const entries: Entry[] = Array.from({ length: 60_000 }, (_, i) => [`key-${String(i).padStart(7, '0')}`, `value-${i}`, 0])
    const changes = [changesOf('orders/0', entries)]
    let turns = 0
    let nowMs = 0
    // Each look at it is a millisecond later.
    const clock = { ...systemClock, monotonicMs: () => ++nowMs, turn: async () => void turns++ }
    await encodeSegment(changes, { clock })
    assert(turns >= 10, `${turns} turns of the event loop`)
  })

  it('stops when it is aborted', async () => {
    const entries: Entry[] = Array.from({ length: 30_000 }, (_, i) => [`key-${String(i).padStart(7, '0')}`, `value-${i}`, 0])
    const abort = new AbortController()
    const encoding = encodeSegment([changesOf('orders/0', entries)], { signal: abort.signal })
    abort.abort(new Error('no longer wanted'))
    await assert.rejects(encoding, /no longer wanted/)
  })
})

describe('a damaged segment', () => {
  const ENTRIES: Entry[] = Array.from({ length: 6000 }, (_, i) => [
    `customer-${String(i).padStart(8, '0')}`,
    i % 10 === 0 ? null : `${i * 7919}`,
    0,
  ])

  it('is never read as another content: a flipped bit or a cut gives a typed error', async () => {
    const segment = await encodeFile([changesOf('orders/0', ENTRIES.slice(0, 5000))])
    const whole = sliceOf(segment, 'orders/0')
    const damage = fc.oneof(
      fc.record({ at: fc.nat(whole.length - 1), bit: fc.nat(7) }).map(({ at, bit }) => {
        const bytes = Buffer.from(whole)
        bytes[at]! ^= 1 << bit
        return bytes
      }),
      fc.nat(whole.length - 1).map((length) => whole.subarray(0, length)),
      fc.uint8Array({ minLength: 1, maxLength: 40 }).map((extra) => Buffer.concat([whole, extra])),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    )
    await fc.assert(
      fc.asyncProperty(damage, async (bytes) => {
        assert.throws(() => decode(bytes, 'orders/0'), isSegmentError)
        await assert.rejects(stream(bytes, 'orders/0'), isSegmentError)
      }),
      { numRuns: 400, examples: [[Buffer.alloc(0)]] },
    )
  })

  it('with a damaged index or footer is refused as a whole', async () => {
    const segment = await encodeFile([changesOf('orders/0', [['a', '1', 0]])])
    const { offset, bytes } = segment.slices[0]!
    for (let at = offset + bytes; at < segment.bytes; at++) {
      // Two bytes of the footer are reserved.
      if (at === segment.bytes - 10 || at === segment.bytes - 9) continue
      const file = Buffer.from(segment.file)
      file[at]! ^= 0x10
      await assert.rejects(readSegmentIndex(rangesOf(file), file.length, PATH), isSegmentError, `byte ${at}`)
    }
    for (let length = 0; length < segment.bytes; length++) {
      const file = segment.file.subarray(0, length)
      await assert.rejects(readSegmentIndex(rangesOf(file), length, PATH), isSegmentError, `cut at ${length}`)
    }
  })

  it('is named with path, task, block and both checksums, and the checkpoint to fall back to', async () => {
    const segment = await encodeFile([changesOf('orders/0', ENTRIES)])
    const bytes = sliceOf(segment, 'orders/0')
    bytes[bytes.length - 10]! ^= 0x01
    const place = { path: PATH, task: 'orders/0', fallbackCheckpoint: 41 }
    assert.throws(
      () => [...decodeSlice(bytes, place)],
      (error) => {
        assert(isMillraceError(error, 'MR_SEGMENT_CORRUPT'))
        assert.match(
          error.message,
          /0000000007-e3-w0\.seg \(task orders\/0, block 1\).* expected checksum [0-9a-f]{8}, found [0-9a-f]{8}/,
        )
        assert.match(error.remedy, /restore checkpoint 41/)
        assert.equal(error.details.block, 1)
        return true
      },
    )
  })

  it("is refused when the bytes are another task's", async () => {
    const segment = await encodeFile([changesOf('orders/0', [['a', '1', 0]]), changesOf('orders/1', [['a', '1', 0]])])
    assert.throws(() => decode(sliceOf(segment, 'orders/1'), 'orders/0'), /that of task orders\/1/)
  })

  it('of an unknown version is refused by name', async () => {
    const segment = await encodeFile([changesOf('orders/0', [['a', '1', 0]])])
    const slice = sliceOf(segment, 'orders/0')
    slice.writeUInt16BE(2, 4)
    assert.throws(() => decode(slice, 'orders/0'), { code: 'MR_SEGMENT_UNKNOWN_VERSION' })
    segment.file.writeUInt16BE(2, segment.bytes - 12)
    const index = readSegmentIndex(rangesOf(segment.file), segment.bytes, PATH)
    await assert.rejects(index, { code: 'MR_SEGMENT_UNKNOWN_VERSION', message: /format version 2.*reads version 1/ })
  })

  it('passes on the error of a fetch that fails in its middle', async () => {
    const noise: Entry[] = Array.from({ length: 40_000 }, (_, i) => [`k${String(i).padStart(6, '0')}`, String(Math.sin(i)), 0])
    const segment = await encodeFile([changesOf('orders/0', [...noise, ['z', 'v'.repeat(100), 0]])])
    const bytes = sliceOf(segment, 'orders/0')
    const failing = async (start: number, end: number): Promise<Buffer> => {
      if (start > 0) throw new Error('connection reset')
      return bytes.subarray(start, Math.min(end, 100_000))
    }
    await assert.rejects(stream(bytes, 'orders/0', failing), /connection reset/)
  })
})

function isSegmentError(error: unknown): boolean {
  assert(error instanceof MillraceError, String(error))
  return error.code === 'MR_SEGMENT_CORRUPT' || error.code === 'MR_SEGMENT_UNKNOWN_VERSION'
}
