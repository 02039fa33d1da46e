/** What every StateBackend keeps. Each implementation runs it in its own test file. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import fc from 'fast-check'
import type { StateBackend, TaskMarker } from '../ports/state-backend.ts'
import type { StateChanges } from '../records/state-changes.ts'
import { StateChangesBuilder } from '../records/state-changes-builder.ts'
import type { TaskKey } from '../records/task-id.ts'

export type TestEntry = readonly [key: string, value: string | null, expiresAtMs?: number]

export function changesOf(task: TaskKey, entries: readonly TestEntry[]): StateChanges {
  const builder = new StateChangesBuilder(task)
  for (const [key, value, expiresAtMs] of [...entries].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (value === null) builder.delete(key)
    else builder.put(key, Buffer.from(value, 'latin1'), expiresAtMs)
  }
  return builder.build()
}

export const markerOf = (checkpoint: number): TaskMarker => ({ checkpoint, epoch: 3, metadataDigest: 'd'.repeat(64) })

const NO_MARKERS: ReadonlyMap<TaskKey, TaskMarker> = new Map()
const ORDERS = 'orders/0'
const binaryKey = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 12 }).map((bytes) => String.fromCharCode(...bytes))

export function stateBackendContract(name: string, create: (directory: string) => StateBackend): void {
  describe(`${name} as a state backend`, () => {
    let directory: string
    let backend: StateBackend

    beforeEach(async () => {
      directory = mkdtempSync(join(tmpdir(), 'millrace-backend-'))
      backend = create(directory)
      await backend.open()
    })

    afterEach(async () => {
      await backend.close()
      rmSync(directory, { recursive: true, force: true })
    })

    const get = async (task: TaskKey, keys: string[], nowMs = 0): Promise<(string | null)[]> =>
      (await backend.getMany(task, keys, nowMs)).map((value) => value?.toString('latin1') ?? null)
    const scan = async (task: TaskKey, prefix = '', nowMs = 0): Promise<[string, string, number][]> => {
      const found: [string, string, number][] = []
      for await (const entry of backend.scan(task, prefix, nowMs)) {
        found.push([entry.key, entry.value.toString('latin1'), entry.expiresAtMs])
      }
      return found
    }

    it('returns values in the order of the keys, and null where there is none', async () => {
      await backend.apply(
        [
          changesOf(ORDERS, [
            ['a', '1'],
            ['b', ''],
            ['c', '\x00\xff'],
          ]),
        ],
        NO_MARKERS,
      )
      assert.deepEqual(await get(ORDERS, ['c', 'x', 'a', 'b', 'a']), ['\x00\xff', null, '1', '', '1'])
      assert.deepEqual(await get(ORDERS, []), [])
      assert.deepEqual(await get('orders/1', ['a']), [null])
    })

    it('keeps the tasks apart, also where one name begins with the other', async () => {
      await backend.apply([changesOf('a/1', [['k', 'one']]), changesOf('a/11', [['k', 'eleven']])], NO_MARKERS)
      await backend.deleteTask('a/1')
      assert.deepEqual(await get('a/1', ['k']), [null])
      assert.deepEqual(await get('a/11', ['k']), ['eleven'])
      assert.deepEqual(await scan('a/11'), [['k', 'eleven', 0]])
    })

    it('overwrites and deletes, the later changes of one apply last', async () => {
      await backend.apply(
        [
          changesOf(ORDERS, [
            ['a', '1'],
            ['b', '1'],
            ['c', '1'],
          ]),
        ],
        NO_MARKERS,
      )
      await backend.apply(
        [
          changesOf(ORDERS, [
            ['a', '2'],
            ['b', null],
          ]),
          changesOf(ORDERS, [
            ['a', null],
            ['b', '3'],
            ['d', null],
          ]),
        ],
        NO_MARKERS,
      )
      assert.deepEqual(await scan(ORDERS), [
        ['b', '3', 0],
        ['c', '1', 0],
      ])
    })

    it('applies in the order of the calls, without waiting for one another', async () => {
      const applied = Array.from({ length: 20 }, (_, i) =>
        backend.apply([changesOf(ORDERS, [['k', String(i)]])], new Map([[ORDERS, markerOf(i)]])),
      )
      assert.deepEqual(await backend.markers(), new Map([[ORDERS, markerOf(19)]]))
      await Promise.all(applied)
      assert.deepEqual(await get(ORDERS, ['k']), ['19'])
    })

    it('never returns a value that has expired', async () => {
      await backend.apply(
        [
          changesOf(ORDERS, [
            ['a', '1', 1000],
            ['b', '1'],
          ]),
        ],
        NO_MARKERS,
      )
      assert.deepEqual(await get(ORDERS, ['a', 'b'], 999), ['1', '1'])
      const expiresAtMs: number[] = []
      await backend.getMany(ORDERS, ['b', 'x', 'a'], 999, expiresAtMs)
      assert.deepEqual({ ...expiresAtMs }, { 2: 1000 })
      assert.deepEqual(await get(ORDERS, ['a', 'b'], 1000), [null, '1'])
      assert.deepEqual(await scan(ORDERS, '', 999), [
        ['a', '1', 1000],
        ['b', '1', 0],
      ])
      assert.deepEqual(await scan(ORDERS, '', 1000), [['b', '1', 0]])
      await backend.apply([changesOf(ORDERS, [['a', '2']])], NO_MARKERS)
      assert.deepEqual(await get(ORDERS, ['a'], 5000), ['2'])
    })

    it('removes expired entries a part at a time, and none that are renewed, live or of others', async () => {
      const names = Array.from({ length: 50 }, (_, i) => `s${String.fromCharCode(i)}`)
      await backend.apply(
        [
          changesOf(ORDERS, [...names.map((name, i) => [name, 'v', 100 + i] as const), ['s\xff', 'for ever'], ['t', 'v', 1]]),
          changesOf('orders/1', [['s', 'v', 1]]),
        ],
        NO_MARKERS,
      )
      await backend.apply([changesOf(ORDERS, [[names[3]!, 'renewed', 1000]])], NO_MARKERS)
      for (let call = 0; call < 2; call++) await backend.dropExpired(ORDERS, 's', 119, 7)
      const some = (await scan(ORDERS, 's')).length
      assert.ok(some < 51 && some > 36, `${some} are left`)
      for (let call = 0; call < 20; call++) await backend.dropExpired(ORDERS, 's', 119, 7)
      assert.deepEqual(
        (await scan(ORDERS, 's')).map(([key]) => key),
        [names[3]!, ...names.slice(20), 's\xff'],
      )
      assert.equal((await scan(ORDERS, 't')).length, 1)
      assert.equal((await scan('orders/1')).length, 1)
      await backend.dropExpired('never/seen', '', 1e9, 10)
    })

    it('scans by prefix in ascending order of bytes', async () => {
      const keys = ['', 'a', 'a\x00', 'a\xff', 'a\xff\xff', 'a\xffz', 'b', '\xff', '\xff\xff']
      await backend.apply(
        [
          changesOf(
            ORDERS,
            keys.map((key) => [key, key] as const),
          ),
        ],
        NO_MARKERS,
      )
      await backend.apply([changesOf('orders/1', [['a', 'other']])], NO_MARKERS)
      assert.deepEqual(
        (await scan(ORDERS)).map(([key]) => key),
        [...keys].sort(),
      )
      assert.deepEqual(
        (await scan(ORDERS, 'a\xff')).map(([key]) => key),
        ['a\xff', 'a\xffz', 'a\xff\xff'],
      )
      assert.deepEqual(
        (await scan(ORDERS, '\xff')).map(([key]) => key),
        ['\xff', '\xff\xff'],
      )
      assert.deepEqual(await scan(ORDERS, 'c'), [])
      assert.deepEqual(await scan('orders/9'), [])
    })

    it('scans the state as of the first step, and gives up early without harm', async () => {
      const many = Array.from({ length: 3000 }, (_, i) => [`k${String(i).padStart(5, '0')}`, 'old'] as const)
      await backend.apply([changesOf(ORDERS, many)], NO_MARKERS)
      let seen = 0
      for await (const { value } of backend.scan(ORDERS, '', 0)) {
        if (seen++ === 0)
          await backend.apply(
            [
              changesOf(
                ORDERS,
                many.map(([key]) => [key, 'new'] as const),
              ),
            ],
            NO_MARKERS,
          )
        assert.equal(value.toString(), 'old')
        if (seen === 2000) break
      }
      assert.deepEqual(await get(ORDERS, ['k00000', 'k02999']), ['new', 'new'])
    })

    it('closes while a scan was left standing', async () => {
      await backend.apply(
        [
          changesOf(ORDERS, [
            ['a', '1'],
            ['b', '1'],
          ]),
        ],
        NO_MARKERS,
      )
      const standing = backend.scan(ORDERS, '', 0)[Symbol.asyncIterator]()
      assert.equal((await standing.next()).value.key, 'a')
      await backend.close()
    })

    it('keeps a marker for each task until the task is deleted', async () => {
      await backend.apply(
        [],
        new Map([
          [ORDERS, markerOf(1)],
          ['orders/1', markerOf(1)],
        ]),
      )
      await backend.apply([changesOf(ORDERS, [['a', '1']])], new Map([[ORDERS, markerOf(2)]]))
      assert.deepEqual(
        await backend.markers(),
        new Map([
          [ORDERS, markerOf(2)],
          ['orders/1', markerOf(1)],
        ]),
      )
      await backend.deleteTask(ORDERS)
      await backend.deleteTask('never/seen')
      assert.deepEqual(await backend.markers(), new Map([['orders/1', markerOf(1)]]))
      await backend.apply([changesOf(ORDERS, [['b', '2']])], NO_MARKERS)
      assert.deepEqual(await scan(ORDERS), [['b', '2', 0]])
    })

    it('is empty after a reset', async () => {
      await backend.apply([changesOf(ORDERS, [['a', '1']])], new Map([[ORDERS, markerOf(1)]]))
      await backend.reset()
      assert.deepEqual(await backend.markers(), new Map())
      assert.deepEqual(await get(ORDERS, ['a']), [null])
      await backend.apply([changesOf(ORDERS, [['b', '1']])], NO_MARKERS)
      assert.deepEqual(await get(ORDERS, ['a', 'b']), [null, '1'])
    })

    it('takes large batches and large values, and leaves the caller its buffers', async () => {
      const large = 'v'.repeat(300_000)
      const entries = Array.from({ length: 20_000 }, (_, i) => [`k${i}`, i % 5000 === 0 ? large : `v${i}`] as const)
      await backend.apply([changesOf(ORDERS, entries)], NO_MARKERS)
      const keys = entries.map(([key]) => key)
      const values = await backend.getMany(ORDERS, keys, 0)
      values[1]!.fill(0)
      assert.deepEqual(
        await get(ORDERS, keys),
        entries.map(([, value]) => value),
      )
    })

    it('agrees with a Map after any changes', async () => {
      let number = 0
      const entry = fc.tuple(binaryKey, fc.option(fc.string({ maxLength: 40 }).map(latin1)), fc.constantFrom(0, 10, 20))
      const part = fc.record({
        task: fc.constantFrom('a/0', 'a/1', 'b/0'),
        entries: fc.uniqueArray(entry, { maxLength: 20, selector: ([key]) => key }),
      })
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(part, { maxLength: 3 }), { maxLength: 6 }), binaryKey, async (applies, probe) => {
          const model = new Map<string, Map<string, [string, number]>>()
          const run = number++
          const named = (task: string): string => `${run}-${task}`
          for (const parts of applies) {
            for (const { task, entries } of parts) {
              const of = model.get(task) ?? new Map<string, [string, number]>()
              model.set(task, of)
              for (const [key, value, expires] of entries) value === null ? of.delete(key) : of.set(key, [value, expires])
            }
            await backend.apply(
              parts.map(({ task, entries }) => changesOf(named(task), entries)),
              NO_MARKERS,
            )
          }
          for (const [task, of] of model) {
            const live = [...of].filter(([, [, expires]]) => expires === 0 || expires > 10).sort(([a], [b]) => (a < b ? -1 : 1))
            const found = live.map(([key, [value, expires]]) => [key, value, expires])
            assert.deepEqual(await scan(named(task), '', 10), found)
            const prefix = probe.slice(0, 1)
            assert.deepEqual(
              await scan(named(task), prefix, 10),
              found.filter(([key]) => String(key).startsWith(prefix)),
            )
            const keys = [...of.keys(), probe]
            const values = keys.map((key) => live.find(([one]) => one === key)?.[1][0] ?? null)
            assert.deepEqual(await get(named(task), keys, 10), values)
          }
        }),
        { numRuns: 60 },
      )
    })
  })
}

const latin1 = (text: string): string => Buffer.from(text).toString('latin1')
