import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteWriter } from '../common/byte-writer.ts'
import { messagePack } from './codecs.ts'
import { listOf } from './list-codec.ts'
import { versioned } from './versioned-codec.ts'

test('a list comes back as it was, behind its version, whatever stands around it and however small the writer began', () => {
  const codec = versioned(listOf(messagePack), new Map(), 'p/s')
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.string(), fc.integer(), fc.constant('x'.repeat(300)))), fc.nat(3), (list, lead) => {
      const out = new ByteWriter(1)
      for (let i = 0; i < lead; i++) out.bytes(Buffer.from('!'))
      codec.encode(list, out)
      const end = out.position
      out.bytes(Buffer.from('?'))
      assert.equal(out.written()[lead], 1)
      assert.deepEqual(codec.decode(out.written(), lead, end), list)
    }),
  )
  assert.throws(() => codec.decode(Buffer.of(7), 0, 1), {
    code: 'MR_STATE_INCOMPATIBLE',
    message: /p\/s has version 7.*version 1/,
  })
})
