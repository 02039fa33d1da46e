import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numberOfWord, Workload } from './workload.ts'

test('shuffled-once has every key once, in no order', () => {
  for (const keys of [7, 1_000, 20_000]) {
    const workload = new Workload(keys, 'shuffled-once')
    const words = Array.from({ length: keys }, (_, record) => workload.wordOf(record))
    assert.equal(new Set(words).size, keys)
    assert.ok(words.some((word, record) => word !== record))
  }
})

test('words are filled up to their length, always with the same, and tell their number', () => {
  const workload = new Workload(50, 'random', 88)
  const words = Array.from({ length: 50 }, (_, word) => workload.textOf(word))
  assert.ok(words.every((word) => word.length === 88))
  assert.deepEqual(words.map(numberOfWord), [...words.keys()])
  assert.equal(new Workload(50, 'random', 88).textOf(17), words[17])
  assert.equal((JSON.parse(workload.valueOf(3)) as { word: string }).word, workload.textOf(workload.wordOf(3)))
  assert.equal(new Workload(50).textOf(17), 'w17')
})
