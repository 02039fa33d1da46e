import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { StateChanges } from '../../records/state-changes.ts'
import { type ChangesStream, type MergeOptions, mergeSlices } from './merge-slices.ts'
import { anyEntries, changesOf, type Entry, entriesOf, sorted } from './testing.ts'

const TASK = 'orders/0'

async function merge(newestFirst: readonly ChangesStream[], options?: MergeOptions): Promise<Entry[]> {
  const parts: StateChanges[] = []
  for await (const part of mergeSlices(newestFirst, options)) parts.push(part)
  return entriesOf(parts)
}

/** In parts of `size`, as a slice comes in blocks. */
function* inParts(entries: readonly Entry[], size: number): Generator<StateChanges> {
  for (let at = 0; at < entries.length; at += size) yield changesOf(TASK, entries.slice(at, at + size))
}

describe('mergeSlices', () => {
  it('keeps of each key the newest entry, in order', async () => {
    const options = fc.record({ dropDeletes: fc.boolean(), expiredByMs: fc.constantFrom(0, 1, 2_000_000_000_000) })
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyEntries(30), { maxLength: 6 }),
        fc.integer({ min: 1, max: 10 }),
        options,
        async (slices, size, chosen) => {
          const newest = new Map<string, Entry>()
          for (const slice of [...slices].reverse()) for (const entry of slice) newest.set(entry[0], entry)
          const expected = [...newest.values()].map(([key, value, expiresAtMs]): Entry => {
            const isExpired = expiresAtMs !== 0 && expiresAtMs <= chosen.expiredByMs
            return isExpired ? [key, null, 0] : [key, value, expiresAtMs]
          })
          const kept = sorted(chosen.dropDeletes ? expected.filter(([, value]) => value !== null) : expected)
          assert.deepEqual(
            await merge(
              slices.map((slice) => inParts(slice, size)),
              chosen,
            ),
            kept,
          )
        },
      ),
      { numRuns: 200 },
    )
  })

  it('gives large results in parts', async () => {
    const entries: Entry[] = Array.from({ length: 10_000 }, (_, i) => [`k${String(i).padStart(6, '0')}`, `v${i}`, 0])
    let parts = 0
    for await (const part of mergeSlices([inParts(entries, 1000), inParts(entries, 700)])) {
      parts++
      assert(part.keys.length <= 4096)
    }
    assert.equal(parts, 3)
  })

  it('closes its inputs when it is left early', async () => {
    let closed = 0
    async function* endless(): AsyncGenerator<StateChanges> {
      try {
        for (let i = 0; ; i++) yield changesOf(TASK, [[`k${String(i).padStart(9, '0')}`, 'v', 0]])
      } finally {
        closed++
      }
    }
    for await (const part of mergeSlices([endless(), endless()])) {
      assert.equal(part.keys.length, 4096)
      break
    }
    assert.equal(closed, 2)
  })

  it('passes on the error of an input', async () => {
    async function* broken(): AsyncGenerator<StateChanges> {
      yield changesOf(TASK, [['a', '1', 0]])
      throw new Error('damaged')
    }
    await assert.rejects(merge([inParts([['b', '1', 0]], 1), broken()]), /damaged/)
  })
})
