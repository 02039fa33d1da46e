import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { murmur2, murmur2Latin1, partitionForKey } from './murmur2.ts'

/** The cases of Kafka's own UtilsTest.testMurmur2. */
const KNOWN: ReadonlyArray<readonly [string, number]> = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
]

test('keys hash as in the Java client', () => {
  for (const [key, hash] of KNOWN) {
    assert.equal(murmur2(Buffer.from(key), 0, key.length), hash, key)
    assert.equal(murmur2Latin1(key), hash, key)
  }
})

test('a latin1 string hashes as its bytes, wherever they stand', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 5 }), (key, around) => {
      const bytes = Buffer.concat([around, key, around])
      const hash = murmur2(bytes, around.length, around.length + key.length)
      assert.equal(murmur2Latin1(Buffer.from(key).toString('latin1')), hash)
    }),
  )
})

test('the partition clears the sign bit, as Java, and does not take the absolute value', () => {
  assert.equal(partitionForKey(-1, 10), 0x7fffffff % 10)
  assert.equal(partitionForKey(-(2 ** 31), 10), 0)
  assert.equal(partitionForKey(479470107, 7), 479470107 % 7)
})
