import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { systemClock } from '../common/clock.ts'
import { AccumulatorTable } from './accumulator-table.ts'
import { float64Array } from './codecs.ts'
import { CHUNK_PLACES, DoublesStore } from './doubles-store.ts'
import { StateTime } from './expiry.ts'
import { ObjectCache } from './object-cache.ts'
import type { SealedChanges } from './sealed-changes.ts'
import type { StateEntry } from './state-entry.ts'

const WIDTH = 3
const keyCodec = { name: 'text', encode: String, decode: (binary: string) => binary }

test('a store keeps what is added at places of its own, and gives those removed again', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat({ max: 40 }))), (steps) => {
      const store = new DoublesStore(WIDTH)
      const model = new Map<number, number[]>()
      let most = 0
      for (const [i, step] of steps.entries()) {
        const place = [...model.keys()][step ?? -1]
        if (place === undefined) {
          const values = [i + 0.5, -i, i]
          const given = store.add(values)
          assert(!model.has(given), 'a place that is taken is not given')
          model.set(given, values)
          most = Math.max(most, model.size)
        } else {
          store.remove(place)
          model.delete(place)
        }
      }
      for (const [place, values] of model) {
        const read: number[] = []
        store.read(place, read)
        assert.deepEqual(read, values)
        assert(place < most, 'no place is taken while a removed one is free')
      }
    }),
  )
})

test('a store grows by whole chunks', () => {
  const store = new DoublesStore(1)
  for (let i = 0; i < 2 * CHUNK_PLACES + 1; i++) store.add([i])
  assert.equal(store.chunks.length, 3)
  const read: number[] = []
  store.read(CHUNK_PLACES, read)
  assert.deepEqual(read, [CHUNK_PLACES])
})

/** What a sealed generation holds, decoded. */
function valuesOf(sealed: SealedChanges<number>): (number[] | null)[] {
  sealed.encodeSome(sealed.entries.length)
  const codec = float64Array(WIDTH)
  return [...sealed.encoded.starts].map((start, slot) =>
    start < 0 ? null : codec.decode(sealed.values, start, sealed.encoded.ends[slot]!),
  )
}

function openTable(time = new StateTime(), ttl?: { afterMs: number; refresh: 'write' }) {
  const cache = new ObjectCache(1e6)
  const options = { stateId: 1, codec: float64Array(WIDTH), keyCodec, isComplete: true, ...(ttl && { ttl }) }
  return { table: new AccumulatorTable(cache, time, options, WIDTH), cache }
}

function set(table: AccumulatorTable, entry: StateEntry<number>, first: number): void {
  table.claim(entry)
  const place = (entry.value ??= table.store.add([0, 0, 0]))
  table.store.chunk(place)[table.store.offset(place)] = first
}

test('a sealed generation holds what stood at its cut, whatever changes behind it', () => {
  const { table } = openTable()
  const [a, b] = [table.find('a')!, table.find('b')!]
  set(table, a, 1)
  set(table, b, 2)
  const sealed = table.seal(2)!
  set(table, a, 10)
  assert.deepEqual(valuesOf(sealed), [
    [1, 0, 0],
    [2, 0, 0],
  ])
  table.release(sealed)
  assert.deepEqual(valuesOf(table.seal(3)!), [[10, 0, 0]])
})

test('what is evicted gives its place back, and comes back as the backend has it', () => {
  const { table, cache } = openTable()
  for (const key of ['a', 'b', 'c']) set(table, table.find(key)!, 7)
  const sealed = table.seal(2)!
  const stored = valuesOf(sealed)
  table.release(sealed)
  cache.flushedGeneration = 1
  table.evict(1e6, 1)
  table.evict(1e6, 1)
  assert.equal(table.size, 0)
  assert.equal(table.find('a'), undefined)
  const bytes = Buffer.alloc(8 * WIDTH)
  stored[0]!.forEach((value, i) => {
    bytes.writeDoubleBE(value, 8 * i)
  })
  const entry = table.load('a', bytes)
  assert(entry.value! < 3, 'one of the three places')
  const read: number[] = []
  table.store.read(entry.value!, read)
  assert.deepEqual(read, [7, 0, 0])
})

test('what has expired gives its place back', () => {
  const time = new StateTime()
  const { table } = openTable(time, { afterMs: 10, refresh: 'write' })
  time.advance(systemClock.nowMs())
  const entry = table.find('a')!
  set(table, entry, 7)
  const place = entry.value
  time.advance(systemClock.nowMs() + 1_000_000)
  table.claim(entry)
  assert.equal(entry.value, undefined)
  assert.equal(table.store.add([1, 2, 3]), place)
})
