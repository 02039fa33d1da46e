import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { KeyInterner } from './key-interner.ts'

test('gives the bytes as a binary string, however often and in whatever order they come', () => {
  const interner = new KeyInterner()
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(3), (bytes, lead) => {
      const buffer = Buffer.concat([Buffer.alloc(lead, 7), bytes, Buffer.from('!')])
      assert.equal(interner.intern(buffer, lead, lead + bytes.length), Buffer.from(bytes).toString('latin1'))
    }),
    { numRuns: 2000 },
  )
})
