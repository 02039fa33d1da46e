import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Stage } from '../../graph/stages.ts'
import type { ExchangeWriter } from '../../ports/exchange.ts'
import { decodeWatermark } from '../../records/exchange-frame.ts'
import { unfinishedChannels, WorkerWatermarks } from './worker-watermarks.ts'

const stage = { name: 'in', exchanges: [{ name: 'x' }] } as unknown as Stage

test('a task goes on from where it was at the restore point, and tells the tasks behind it at once', () => {
  const watermarks = new WorkerWatermarks([stage], ['in/0', 'in/1'], { 'in/0': 70, 'in/1': 90 })
  for (const task of ['in/0', 'in/1']) watermarks.of(task).join(0)
  watermarks.of('in/0').advance(0, 60)
  assert.deepEqual(watermarks.reached(), { 'in/0': 70, 'in/1': 90 })
  const told: number[] = []
  const append: ExchangeWriter['append'] = (_, partition, buffer, start, end) => {
    told[partition] = decodeWatermark(buffer, start, end)
  }
  watermarks.announce({ append } as unknown as ExchangeWriter, () => 2)
  assert.deepEqual(told, [70, 70])
})

test('a channel of an earlier epoch counts while its end is not read', () => {
  const writers = [
    { producerId: 1, epoch: 0, ends: { x: { 0: 5, 1: 9 } } },
    { producerId: 2, epoch: 0, ends: { x: { 0: 8 }, y: { 0: 99 } } },
  ]
  assert.deepEqual([...unfinishedChannels(writers, 'x', 0, 5)], [[2, 8]])
  assert.deepEqual([...unfinishedChannels(writers, 'x', 1, 5)], [[1, 9]])
})
