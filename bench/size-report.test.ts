import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SizeCosts } from './size-costs.ts'
import { sizeText } from './size-report.ts'

const costs: SizeCosts = {
  engine: 'millrace',
  keys: 2_000_000,
  wordBytes: 88,
  liveBytes: 100 * 2 ** 20,
  isLiveExact: true,
  load: [{ keys: 2_000_000, recordsPerSecond: 90_000, peakRssMb: 700.4 }],
  steady: {
    rate: 1_000,
    seconds: 60,
    peakRssMb: 710.6,
    checkpoints: [
      { durationMs: 100, bytes: 2 ** 20, changedBytes: 2 ** 20, changedKeys: 20_000 },
      { durationMs: 300, bytes: 3 * 2 ** 20, changedBytes: 2 ** 20, changedKeys: 20_000 },
    ],
    storageFactors: [1.1, 1.5],
    restoreFactors: [1.2, 1.3],
  },
  starts: [
    {
      from: 'checkpoints',
      firstRecordMs: 4_200,
      firstOutputMs: 5_000,
      restoreMs: 4_000,
      fetchedBytes: 120 * 2 ** 20,
      peakRssMb: 400,
    },
  ],
}

test('shows the shares of live bytes, the factors and the speed of restores', () => {
  const text = sizeText(costs)
  assert.match(text, /changes of a checkpoint ÷ live +1\.00 %, most 1\.00 %/)
  assert.match(text, /written by a checkpoint ÷ live +2\.00 %, most 3\.00 %/)
  assert.match(text, /storage factor +1\.30, most 1\.50/)
  assert.match(text, /restore factor +1\.25, most 1\.30/)
  assert.match(text, /checkpoints +4 200 +5 000 +4 000 +500 000 +120 +400/)
})

test('what an engine does not tell is left open', () => {
  const steady = { ...costs.steady, checkpoints: [{ durationMs: 5, bytes: 2 ** 20 }], restoreFactors: [] }
  const text = sizeText({
    ...costs,
    steady,
    starts: [{ from: 'local state', firstRecordMs: 1, firstOutputMs: 2, peakRssMb: 3 }],
  })
  assert.match(text, /changes of a checkpoint ÷ live +-, most -/)
  assert.match(text, /restore factor +-, most -/)
  assert.match(text, /local state +1 +2 +- +- +- +3/)
})
