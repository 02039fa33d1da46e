import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { splitChanges } from './split-changes.ts'
import { StateChangesBuilder } from './state-changes-builder.ts'

const lists = fc.array(fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.nat({ max: 3 }))), { maxLength: 4 })

function changesOf(entries: readonly (readonly [number, number])[], task: string) {
  const builder = new StateChangesBuilder(task)
  for (const [i, [bytes, expiresAtMs]] of entries.entries()) {
    const key = String(i).padStart(4, '0')
    if (bytes === 0) builder.delete(key)
    else builder.put(key, Buffer.alloc(bytes, i), expiresAtMs)
  }
  return builder.build()
}

const flat = (groups: Iterable<ReturnType<typeof changesOf>>) =>
  [...groups].flatMap(({ task, keys, values, valueStarts, valueEnds, expiresAtMs }) =>
    keys.map((key, i) => {
      const start = valueStarts[i]!
      return [task, key, start < 0 ? null : values.toString('hex', start, valueEnds[i]), expiresAtMs?.[i] ?? 0]
    }),
  )

test('groups hold all changes in their order, and as many as they may', () => {
  fc.assert(
    fc.property(lists, fc.integer({ min: 1, max: 12 }), (all, entries) => {
      const changes = all.map((list, task) => changesOf(list, `s/${task}`))
      const groups = [...splitChanges(changes, entries)]
      assert.deepEqual(flat(groups.flat()), flat(changes))
      const sizes = groups.map((group) => group.reduce((sum, { keys }) => sum + keys.length, 0))
      assert.ok(sizes.slice(0, -1).every((size) => size === entries))
      assert.ok(sizes.every((size) => size > 0 && size <= entries))
    }),
  )
})
