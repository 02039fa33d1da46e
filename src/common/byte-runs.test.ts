import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteRuns } from './byte-runs.ts'

test('a slice of runs is the slice of their concatenation', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 6 }), { maxLength: 8 }),
      fc.nat(40),
      fc.nat(40),
      (chunks, start, length) => {
        const runs = new ByteRuns(chunks)
        const whole = Buffer.concat(chunks)
        assert.equal(runs.bytes, whole.length)
        assert.deepEqual(runs.slice(start, start + length), whole.subarray(start, start + length))
      },
    ),
  )
})

test('a slice within one chunk is no copy', () => {
  const chunk = Buffer.from('abcdef')
  const slice = new ByteRuns([Buffer.from('xy'), chunk]).slice(3, 5)
  chunk.write('B', 1)
  assert.equal(String(slice), 'Bc')
})
