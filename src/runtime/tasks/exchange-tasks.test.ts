import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ExchangeReader, ReceivedFrame } from '../../ports/exchange.ts'
import { encodeBarrier, encodeWatermark } from '../../records/exchange-frame.ts'
import { valueDecoder } from '../../state/frame-values.ts'
import { TaskWatermark } from '../../time/task-watermark.ts'
import { ExchangeTasks } from './exchange-tasks.ts'
import type { TaskChain } from './task-chain.ts'

/** The running epoch's, and two of the epoch before, whose channels end at 3 and 9. */
const NOW = 7
const OLD = 3
const OLDER = 2

/** Partition 0 of one exchange; the task's watermark was at `restored` when the epoch began. */
function reading(frames: readonly (readonly [producerId: number, frame: Buffer])[], restored?: number) {
  const waiting: ReceivedFrame[] = frames.map(([producerId, buffer], offset) => {
    return { exchange: 'x', partition: 0, producerId, offset, buffer, start: 0, end: buffer.length }
  })
  const reader = { poll: () => waiting.shift() } as unknown as ExchangeReader
  const watermark = new TaskWatermark(restored)
  const chain = {} as unknown as TaskChain
  const task = { exchange: 'x', partition: 0, decoder: valueDecoder(undefined), chain, watermark }
  const ended = new Map([
    [OLD, 3],
    [OLDER, 9],
  ])
  return { tasks: new ExchangeTasks(reader, new Set([NOW]), [task], [ended]), watermark }
}

const barrier = (checkpoint: number, watermark: number) => encodeBarrier({ checkpoint, kind: 'periodic', watermark })

test('barriers of the running epoch are handed on, those of earlier ones mean nothing', () => {
  const { tasks } = reading([
    [OLD, barrier(4, 100)],
    [NOW, barrier(5, 100)],
  ])
  assert.deepEqual(tasks.poll(), { kind: 'nothing' })
  assert.deepEqual(tasks.poll(), { kind: 'barrier', barrier: { checkpoint: 5, kind: 'periodic', watermark: 100 } })
})

test('a channel of an earlier epoch holds the watermark up to its end, and no further', () => {
  const { tasks, watermark } = reading(
    [
      [NOW, encodeWatermark(500)],
      [OLD, encodeWatermark(60)],
      [OLD, barrier(4, 70)],
      [OLDER, encodeWatermark(200)],
    ],
    50,
  )
  tasks.poll()
  assert.equal(watermark.value, 50, 'the others have not spoken')
  tasks.poll()
  tasks.poll()
  assert.equal(watermark.value, 50, 'one is left')
  tasks.poll()
  assert.equal(watermark.value, 200, 'the first has ended, and counts no more')
})

test('a new channel holds the watermark from the beginning on, but never sets it back', () => {
  const { tasks, watermark } = reading(
    [
      [OLD, encodeWatermark(900)],
      [OLDER, encodeWatermark(900)],
      [NOW, encodeWatermark(20)],
      [NOW, barrier(5, 80)],
    ],
    50,
  )
  for (const expected of [50, 50, 50, 80]) {
    tasks.poll()
    assert.equal(watermark.value, expected)
  }
})
