import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { SavepointMetadata } from '../../checkpoint/savepoint/savepoint-metadata.ts'
import { SavepointReader } from '../../checkpoint/savepoint/savepoint-reader.ts'
import { SavepointWriter } from '../../checkpoint/savepoint/savepoint-writer.ts'
import { decodeSlice } from '../../checkpoint/segment/decode-slice.ts'
import { changesOf, type Entry, entriesOf } from '../../checkpoint/segment/testing.ts'
import { systemClock } from '../../common/clock.ts'
import { murmur2Latin1, partitionForKey } from '../../common/murmur2.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import { stateKey, statePrefix } from '../../state/state-key.ts'
import { MemoryStorage } from '../../testing/memory-storage.ts'
import { moveState } from './move-state.ts'
import type { StateRoute } from './savepoint-fit.ts'

const state = (id: number, operator: string) =>
  ({
    id,
    operator,
    name: 's',
    kind: 'value',
    codec: 'c',
    codecVersion: 1,
    olderVersions: [],
    mapKeys: null,
    expires: true,
  }) as const

async function* once(changes: StateChanges): AsyncGenerator<StateChanges> {
  yield changes
}

/** Operators a (state 1) and b (state 2) behind exchange x, c (state 3) behind source s. */
async function savepointOf(tasks: ReadonlyMap<string, readonly Entry[]>): Promise<SavepointReader> {
  const storage = new MemoryStorage()
  const writer = new SavepointWriter({ storage, name: 'x', clock: systemClock, fileBytes: 2_000 })
  for (const [task, entries] of tasks) await writer.addTask(task, once(changesOf(task, entries)))
  const facts: Omit<SavepointMetadata, 'format' | 'version' | 'tasks' | 'inFlight' | 'files' | 'totalBytes'> = {
    applicationId: 'app',
    checkpoint: 1,
    epoch: 0,
    isStopped: true,
    completedAt: '',
    graphDigest: '',
    sources: {},
    exchanges: { x: { partitions: 2, values: 'row-1' } },
    stages: {
      x: { input: 'exchange', keys: 'string', operators: ['a', 'b'] },
      s: { input: 'source', keys: 'string', operators: ['c'] },
    },
    watermarks: {},
    states: [state(1, 'a'), state(2, 'b'), state(3, 'c')],
  }
  await writer.finish(facts)
  return SavepointReader.open(storage)
}

/** Task → its entries, as a restore would read them. */
async function moved(reader: SavepointReader, routes: ReadonlyMap<number, StateRoute>): Promise<Map<string, Entry[]>> {
  const storage = new MemoryStorage()
  const signal = new AbortController().signal
  const pathOf = (part: number) => `part-${part}`
  const { files, tasks } = await moveState({
    reader,
    routes,
    storage,
    pathOf,
    clock: systemClock,
    signal,
    onMoved() {},
    fileBytes: 3_000,
  })
  const result = new Map<string, Entry[]>()
  for (const [task, links] of tasks) {
    const entries: Entry[] = []
    for (const { segment, offset, bytes } of links) {
      const { path } = files[segment]!
      const slice = storage.files.get(path)!.subarray(offset, offset + bytes)
      entries.push(...entriesOf(decodeSlice(slice, { path, task })))
    }
    result.set(task, entries)
  }
  return result
}

const anyKeys = fc.uniqueArray(fc.string({ maxLength: 8, unit: 'binary-ascii' }), { maxLength: 60 })
const entriesFor = (id: number, keys: readonly string[]): Entry[] =>
  keys.map((key, i) => [stateKey(statePrefix(id), key), `${id}:${key}`, i % 3 === 0 ? 2_000_000_000_000 + i : 0])
const ascending = (entries: readonly Entry[]) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1))

test('each entry comes to the task of its key, in order; what has no place is left out; the rest stays as it was', async () => {
  await fc.assert(
    fc.asyncProperty(anyKeys, anyKeys, anyKeys, fc.integer({ min: 1, max: 7 }), async (ofA, ofB, ofC, partitions) => {
      const all = [...entriesFor(1, ofA), ...entriesFor(2, ofB)]
      const partitionOf = ([key]: Entry, count: number) =>
        partitionForKey(murmur2Latin1([...ofA, ...ofB].find((one) => key.slice(2) === stateKey('', one)) ?? ''), count)
      const tasks = new Map([
        ['x/0', ascending(all.filter((entry) => partitionOf(entry, 2) === 0))],
        ['x/1', ascending(all.filter((entry) => partitionOf(entry, 2) === 1))],
        ['s/0', ascending(entriesFor(3, ofC))],
      ])
      const reader = await savepointOf(tasks)
      const routes = new Map<number, StateRoute>([
        [1, { kind: 'by-key', stage: 'y', partitions }],
        [2, { kind: 'drop' }],
        [3, { kind: 'stay', stage: 's' }],
      ])
      const expected = new Map<string, Entry[]>()
      for (const entry of ascending(entriesFor(1, ofA))) {
        const task = `y/${partitionOf(entry, partitions)}`
        expected.set(task, [...(expected.get(task) ?? []), entry])
      }
      if (ofC.length > 0) expected.set('s/0', ascending(entriesFor(3, ofC)))
      const sortedByTask = (map: ReadonlyMap<string, Entry[]>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1))
      assert.deepEqual(sortedByTask(await moved(reader, routes)), sortedByTask(expected))
    }),
    { numRuns: 60 },
  )
})

test('a task keeps what stays of it where another part of it goes', async () => {
  const reader = await savepointOf(new Map([['x/1', ascending([...entriesFor(1, ['k']), ...entriesFor(2, ['k', 'l'])])]]))
  const routes = new Map<number, StateRoute>([
    [1, { kind: 'drop' }],
    [2, { kind: 'stay', stage: 'x' }],
    [3, { kind: 'drop' }],
  ])
  assert.deepEqual(await moved(reader, routes), new Map([['x/1', ascending(entriesFor(2, ['k', 'l']))]]))
})
