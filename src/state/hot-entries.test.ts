import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { messagePack } from './codecs.ts'
import { StateTime } from './expiry.ts'
import { ObjectCache } from './object-cache.ts'
import { StateTable } from './state-table.ts'

const keyCodec = { name: 'string', encode: String, decode: (binary: string) => binary }

test('a key given as bytes has the entry that the same key as a string has, whatever is evicted between', () => {
  const table = new StateTable<unknown>(new ObjectCache(1e9), new StateTime(), {
    stateId: 1,
    codec: messagePack,
    keyCodec,
    isComplete: true,
  })
  const short = fc.uint8Array({ maxLength: 3 })
  const long = fc.uint8Array({ minLength: 60, maxLength: 70 }).map((bytes) => bytes.fill(7, 0, 60))
  fc.assert(
    fc.property(fc.oneof(short, long), fc.nat(3), fc.boolean(), (key, lead, evicts) => {
      const bytes = Buffer.concat([Buffer.alloc(lead, 7), key, Buffer.from('!')])
      const find = () => table.findBytes(bytes, lead, lead + key.length)
      const entry = find()
      assert.ok(entry)
      assert.equal(entry.key, Buffer.from(key).toString('latin1'))
      assert.equal(table.find(entry.key), entry)
      assert.equal(find(), entry)
      if (!evicts) return
      const before = table.size
      // Twice around: the first round takes away the second chance.
      table.evict(1e9, 0)
      table.evict(1e9, 0)
      assert.ok(before > 0 && table.size === 0)
      assert.notEqual(find(), entry)
      assert.equal(find(), table.find(entry.key))
    }),
    { numRuns: 5_000 },
  )
})
