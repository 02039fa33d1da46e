import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LoadFigures } from './load-figures.ts'

const MIB = 2 ** 20

test('speeds are of transfers that are large enough to tell', () => {
  const load = new LoadFigures()
  assert.equal(load.uploadBytesPerSecond, Number.NaN)
  load.uploaded({ entries: 10, bytes: 2_000, ms: 50 })
  assert.equal(load.uploadBytesPerSecond, Number.NaN)
  load.uploaded({ entries: 100, bytes: MIB, ms: 100 })
  assert.equal(load.uploadBytesPerSecond, 10 * MIB)
  for (let i = 0; i < 50; i++) load.uploaded({ entries: 100, bytes: MIB, ms: 1_000 })
  assert.ok(Math.abs(load.uploadBytesPerSecond / MIB - 1) < 0.01)
  load.restored({ fetchedBytes: 4 * MIB, fetchedEntries: 7 }, 2_000)
  assert.equal(load.restoreBytesPerSecond, 2 * MIB)
  assert.equal(load.uploadedEntries, 10 + 100 + 5_000)
})

test('input is what was processed and what was left lying', () => {
  const load = new LoadFigures()
  load.begin(0)
  load.completed(1_000, 500, 0)
  assert.equal(load.inputPerSecond, Number.NaN)
  load.completed(2_000, 1_500, 300)
  assert.equal(load.processedPerSecond, 1_000)
  assert.equal(load.inputPerSecond, 1_300)
  // Catching up: the backlog is no new input.
  for (let i = 0; i < 60; i++) load.completed(3_000 + i * 1_000, 3_000 + i * 1_500, -500 * i)
  assert.ok(Math.abs(load.inputPerSecond - 1_000) < 5, String(load.inputPerSecond))
})

test('two completions at the same moment give no rate', () => {
  const load = new LoadFigures()
  load.begin(0)
  load.completed(1_000, 0, 0)
  load.completed(1_000, 500, 0)
  assert.equal(load.inputPerSecond, Number.NaN)
})

test('capacity is what busy time would do if there were no other', () => {
  const load = new LoadFigures()
  load.begin(0)
  load.idleMs += 6_000
  load.backPressuredMs += 2_000
  assert.equal(load.busyMs(10_000), 2_000)
  assert.equal(load.capacityPerSecond(10_000, 4_000), 2_000)
  load.end(10_000)
  // Time between two epochs is none of the loop's.
  assert.equal(load.busyMs(99_000), 2_000)
  load.begin(99_000)
  assert.equal(load.busyMs(100_000), 3_000)
  assert.equal(load.capacityPerSecond(100_000, 0), Number.NaN)
})

test('back pressure is the share of waiting since it was last asked for', () => {
  const load = new LoadFigures()
  load.begin(1_000)
  load.backPressuredMs += 500
  assert.equal(load.takeBackPressure(2_000), 0.5)
  assert.equal(load.takeBackPressure(3_000), 0)
  load.backPressuredMs += 250
  assert.equal(load.takeBackPressure(4_000), 0.25)
})

test('changes of a checkpoint are those uploaded since the one before', () => {
  const load = new LoadFigures()
  load.begin(0)
  load.uploaded({ entries: 3, bytes: 1, ms: 1 })
  load.uploaded({ entries: 4, bytes: 1, ms: 1 })
  load.completed(1_000, 0, 0)
  assert.equal(load.changedEntries, 7)
  load.completed(2_000, 0, 0)
  assert.equal(load.changedEntries, 0)
})
