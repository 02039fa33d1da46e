import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ObjectCache } from './object-cache.ts'

/** Entries of one byte; those changed may not go. Counts the entries that it looks at. */
function tableOf(cache: ObjectCache) {
  const table = {
    changed: 0,
    others: 0,
    looked: 0,
    change(count: number) {
      table.changed += count
      cache.changedBytes += count
      cache.usedBytes += count
    },
    read(count: number) {
      table.others += count
      cache.usedBytes += count
    },
    evict(bytes: number) {
      table.looked += table.changed + table.others
      const freed = Math.min(bytes, table.others)
      table.others -= freed
      return freed
    },
  }
  cache.add(table)
  return table
}

test('evicts down to its bound', () => {
  const cache = new ObjectCache(100)
  const table = tableOf(cache)
  table.change(30)
  table.read(90)
  cache.trim()
  assert.deepEqual([cache.usedBytes, table.others], [100, 70])
})

test('more changes than its bound do not make it walk through all of them at every batch', () => {
  const cache = new ObjectCache(100)
  const table = tableOf(cache)
  for (let batch = 0; batch < 1_000; batch++) {
    table.change(100)
    table.read(10)
    cache.trim()
    assert.ok(cache.usedBytes <= Math.max(100, 1.25 * cache.changedBytes))
  }
  // Walks through all: a hundred thousand entries, once a batch, would be fifty million looks.
  assert.ok(table.looked < 2_000_000, `${table.looked} looks`)
})

test('a table that holds changes alone is not walked through again and again while others have what may go', () => {
  const cache = new ObjectCache(15_000)
  const [changed, read] = [tableOf(cache), tableOf(cache)]
  changed.change(5_000)
  read.read(10_000)
  for (let batch = 0; batch < 1_000; batch++) {
    read.read(10)
    cache.trim()
    assert.equal(cache.usedBytes, 15_000)
  }
  assert.ok(changed.looked <= 5_000, `${changed.looked} looks`)
})

test('a table that is gone takes no turn', () => {
  const cache = new ObjectCache(100)
  const [first, second] = [tableOf(cache), tableOf(cache)]
  first.read(60)
  second.read(60)
  cache.trim()
  cache.usedBytes -= first.others
  cache.remove(first)
  second.read(60)
  cache.trim()
  assert.deepEqual([cache.usedBytes, second.others], [100, 100])
})
