import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SourceWatermark } from './source-watermark.ts'
import { IDLE, NO_WATERMARK, TaskWatermark } from './task-watermark.ts'

describe('the watermark of a task', () => {
  test('is the least of its inputs, once each was heard', () => {
    const task = new TaskWatermark()
    task.join(1)
    task.join(2)
    task.advance(1, 100)
    assert.equal(task.value, NO_WATERMARK)
    task.advance(2, 50)
    assert.equal(task.value, 50)
    task.advance(2, 200)
    assert.equal(task.value, 100)
  })

  test('never goes back: not by an input, not by a new one, not by recovery', () => {
    const task = new TaskWatermark(70)
    task.join(1)
    task.advance(1, 60)
    assert.equal(task.value, 70)
    task.advance(1, 90)
    task.join(2)
    assert.equal(task.value, 90)
    task.advance(2, 10)
    assert.equal(task.value, 90)
  })

  test('waits for no silent input, nor for one that has left', () => {
    const task = new TaskWatermark()
    for (const input of [1, 2, 3]) task.join(input)
    task.advance(1, 100)
    task.advance(2, IDLE)
    assert.equal(task.value, NO_WATERMARK)
    task.leave(3)
    assert.equal(task.value, 100)
    assert.equal(task.isIdle, false)
    task.advance(1, IDLE)
    assert.equal(task.isIdle, true)
    assert.equal(task.value, 100)
  })
})

describe('the watermark of a source partition', () => {
  test('stays behind the latest record by the bound', () => {
    const source = new SourceWatermark({ outOfOrdernessMs: 10, idleAfterMs: Number.POSITIVE_INFINITY }, 0)
    assert.equal(source.at(0), NO_WATERMARK)
    source.observe([100, 90, 95], 3, 0)
    assert.equal(source.at(5), 89)
    source.observe([50], 1, 6)
    assert.equal(source.at(6), 89)
  })

  test('is idle after a while without records', () => {
    const source = new SourceWatermark({ outOfOrdernessMs: 0, idleAfterMs: 1_000 }, 0)
    source.observe([100], 1, 500)
    assert.equal(source.at(1_499), 99)
    assert.equal(source.at(1_500), IDLE)
    source.observe([120], 1, 2_000)
    assert.equal(source.at(2_001), 119)
  })
})
