import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseOptions } from './options.ts'

test('defaults depend on the work', () => {
  const w1 = parseOptions(['w1'])
  assert.deepEqual([w1.records, w1.keys, w1.repetitions, w1.json], [1_000_000, 10_000, 3, false])
  const checkpoint = parseOptions(['checkpoint'])
  assert.deepEqual([checkpoint.keys, checkpoint.rate, checkpoint.repetitions], [1_000_000, 20_000, 1])
  const size = parseOptions(['size', '--k', '20000000', '--interval', '20000'])
  // 1 % of the keys in an interval.
  assert.deepEqual([size.rate, size.wordBytes, size.seconds], [10_000, 88, 120])
})

test('options are read, engines by any of their names', () => {
  const options = parseOptions(['w1', '--n', '5_000_000', '--reps', '2', '--engines', 'millrace,ks', '--json'])
  assert.equal(options.records, 5_000_000)
  assert.deepEqual(options.engines, ['millrace', 'kafka-streams'])
  assert.equal(options.json, true)
})

test('what is not known is refused', () => {
  assert.throws(() => parseOptions([]), /expected one work/)
  assert.throws(() => parseOptions(['w1', '--n', 'many']), /--n is many; it can be 1 or more/)
  assert.throws(() => parseOptions(['w1', '--frm', 'dist']), /frm/)
  assert.throws(() => parseOptions(['recovery', '--killAt', '40']), /0.01 to 0.99/)
})
