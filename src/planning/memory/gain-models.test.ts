import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cacheGain, fetchGain, overlayGain } from './gain-models.ts'

const MIB = 2 ** 20
const LEAST = 4 * MIB
const positive = (max: number) => fc.double({ min: 1e-9, max, noNaN: true })
const bytes = fc.integer({ min: LEAST, max: 2 ** 34 })

const models = fc.oneof(
  fc
    .record({
      usedBytes: bytes,
      capacityBytes: bytes,
      hitsPerSecond: positive(1e6),
      ghostHitsPerSecond: positive(1e5),
      ghostBytes: fc.integer({ min: 0, max: 2 ** 34 }),
      missSeconds: positive(1e-3),
    })
    .map((facts) => cacheGain(facts, LEAST)),
  fc
    .record({
      fillBytesPerSecond: fc.double({ min: 0, max: 1e9, noNaN: true }),
      intervalSeconds: positive(3_600),
      durationSeconds: positive(600),
      checkpointSeconds: positive(10),
    })
    .map(overlayGain),
  fc.record({ budgetBytes: bytes, starvedShare: fc.double({ min: 0, max: 1, noNaN: true }) }).map(fetchGain),
)

test('more bytes never gain less, and each further one gains no more than the one before', () => {
  fc.assert(
    fc.property(models, bytes, fc.integer({ min: 1, max: 2 ** 30 }), (gain, at, more) => {
      const [a, b, c] = [gain(at), gain(at + more), gain(at + 2 * more)]
      const slack = 1e-9 * (Math.abs(a) + Math.abs(c) + 1)
      assert.ok(b >= a - slack && c >= b - slack)
      assert.ok(c - b <= b - a + slack)
    }),
  )
})

test('a cache that holds all that is asked for gains nothing by more, and loses by less', () => {
  const facts = { usedBytes: 50 * MIB, capacityBytes: 200 * MIB, hitsPerSecond: 50_000, ghostHitsPerSecond: 0, ghostBytes: 0 }
  const gain = cacheGain({ ...facts, missSeconds: 1e-5 }, LEAST)
  assert.equal(gain(400 * MIB), gain(100 * MIB))
  assert.ok(gain(20 * MIB) < gain(50 * MIB))
})

test('a cache whose misses a little more would have spared gains what they cost', () => {
  const facts = { usedBytes: 100 * MIB, capacityBytes: 100 * MIB, hitsPerSecond: 1, missSeconds: 1e-5 }
  // 1,000 misses a second, at 10 µs each, would be spared by 10 MiB more.
  const gain = cacheGain({ ...facts, ghostHitsPerSecond: 1_000, ghostBytes: 10 * MIB }, LEAST)
  const spared = gain(110 * MIB) - gain(100 * MIB)
  assert.ok(spared > 0.009 && spared <= 0.0101, String(spared))
  // Misses that no memory would spare are no reason for more.
  const useless = cacheGain({ ...facts, ghostHitsPerSecond: 0, ghostBytes: 10 * MIB }, LEAST)
  assert.equal(useless(200 * MIB) - useless(100 * MIB), 0)
})

test('an overlay gains until an interval of changes fits below the mark of early checkpoints', () => {
  const facts = { fillBytesPerSecond: 10 * MIB, intervalSeconds: 10, durationSeconds: 1, checkpointSeconds: 0.05 }
  const gain = overlayGain(facts)
  assert.equal(gain(200 * MIB), 0)
  assert.equal(gain(400 * MIB), 0)
  // Every five seconds instead of every ten: a tenth of a checkpoint more a second.
  assert.ok(Math.abs(gain(100 * MIB) + 0.1 * 0.05) < 1e-9)
  // Half of what is changed during a checkpoint has room: half of the time is lost.
  assert.ok(gain(10 * MIB) < -0.5)
  assert.equal(overlayGain({ ...facts, fillBytesPerSecond: 0 })(MIB), 0)
})

test('fetching gains as long as the worker starves', () => {
  const starving = fetchGain({ budgetBytes: 10 * MIB, starvedShare: 0.5 })
  assert.equal(starving(10 * MIB), 0.5)
  assert.equal(starving(20 * MIB), 1)
  assert.equal(starving(40 * MIB), 1)
  const well = fetchGain({ budgetBytes: 64 * MIB, starvedShare: 0 })
  assert.equal(well(8 * MIB), 1)
  assert.equal(well(4 * MIB), 0.5)
})
