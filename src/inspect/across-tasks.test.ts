/** Two snapshots whose keys are spread over different numbers of tasks: what is compared, and what is held meanwhile. */
import assert from 'node:assert/strict'
import { createCipheriv, createHash } from 'node:crypto'
import { describe as suite, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { murmur2Latin1, partitionForKey } from '../common/murmur2.ts'
import { keysBeginningWith } from '../records/changes-in-range.ts'
import { StateChangesBuilder } from '../records/state-changes-builder.ts'
import { parseStateKey, stateKey, statePrefix } from '../state/state-key.ts'
import { acrossTasks, partitionGroups } from './across-tasks.ts'
import { compare } from './compare.ts'
import { CheckpointScene, describe, stored } from './testing.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const KEYS = 16_000
const keyOf = (i: number) => `key-${String(i).padStart(8, '0')}`

/** Not compressible, and the same for the same text. */
function bytesOf(text: string): Buffer {
  const seed = createHash('md5').update(text).digest()
  return createCipheriv('aes-128-ctr', Buffer.alloc(16), seed).update(Buffer.alloc(1_000))
}

async function spread(partitions: number, contentOf: (i: number) => Buffer | string, keys = KEYS) {
  const builders = Array.from({ length: partitions }, (_, partition) => new StateChangesBuilder(`by/${partition}`))
  for (let i = 0; i < keys; i++) {
    const partition = partitionForKey(murmur2Latin1(keyOf(i)), partitions)
    builders[partition]!.put(stateKey(statePrefix(1), keyOf(i)), stored(contentOf(i)))
  }
  const scene = new CheckpointScene([describe(1, { stage: 'by' })], { by: partitions })
  return scene.cut(builders.map((builder) => builder.build()))
}

/** Values, blocks and what is fetched lie outside of the heap, keys on it. */
function memoryBytes(): number {
  // What the first has found to be garbage outside of the heap is given back when the second begins.
  collect()
  collect()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
}

suite('tasks that are read together', () => {
  test('are held within the budget, whatever their numbers are', async () => {
    const budgetBytes = 4 * 1024 * 1024
    const before = await spread(64, (i) => bytesOf(`${i}`))
    for (const partitions of [48, 63]) {
      const after = await spread(partitions, (i) => bytesOf(i % 50 === 0 ? `changed ${i}` : `${i}`))
      const [first, second] = [await before.open({ budgetBytes }), await after.open({ budgetBytes })]
      const heldBefore = memoryBytes()
      let most = 0
      let changes = 0
      const found = await compare(first, second, () => {
        if (changes++ % 32 === 0) most = Math.max(most, memoryBytes() - heldBefore)
      })
      assert.deepEqual(found, [{ operator: 'op', state: 's1', added: 0, removed: 0, changed: 320, unchanged: KEYS - 320 }])
      assert.equal(changes, 320)
      assert.ok(most > 100_000, `${most} bytes: nothing was measured`)
      assert.ok(most < 2 * budgetBytes, `${most} bytes are held for 64 and ${partitions} tasks`)
    }
  })

  test('are one stream of ascending keys, by whatever parts they are read', async () => {
    const scene = await spread(5, (i) => `value ${i}`, 3_000)
    for (const budgetBytes of [1, 10_000, 1_000_000, 100_000_000]) {
      const state = await scene.open({ budgetBytes })
      const keys: string[] = []
      const { reading, tasks } = state
      for await (const part of acrossTasks({ reading, tasks, keys: keysBeginningWith(statePrefix(1)), task: 'by' })) {
        assert.equal(part.task, 'by')
        for (const key of part.keys) keys.push(parseStateKey(key).key)
      }
      assert.deepEqual(
        keys,
        Array.from({ length: 3_000 }, (_, i) => keyOf(i)),
      )
    }
  })

  test('a key stands in the same group of tasks, however many partitions there are', () => {
    const anyCount = fc.integer({ min: 1, max: 200 })
    fc.assert(
      fc.property(anyCount, anyCount, fc.array(fc.string()), (from, to, keys) => {
        const groups = partitionGroups({ stage: 'a', partitions: from }, { stage: 'b', partitions: to })
        assert.equal(new Set(groups.flatMap(({ before }) => before)).size, from)
        assert.equal(new Set(groups.flatMap(({ after }) => after)).size, to)
        for (const key of keys) {
          const hash = murmur2Latin1(Buffer.from(key).toString('latin1'))
          const group = groups.find(({ before }) => before.includes(`a/${partitionForKey(hash, from)}`))
          assert.ok(group?.after.includes(`b/${partitionForKey(hash, to)}`))
        }
      }),
    )
  })
})
