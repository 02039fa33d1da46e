import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { systemClock } from '../common/clock.ts'
import type { KeyCodec } from '../ports/source.ts'
import { messagePack } from './codecs.ts'
import { createMemoryBackend } from './memory/memory-backend.ts'
import { parseStateKey } from './state-key.ts'
import { WorkerState } from './worker-state.ts'

const textKeys: KeyCodec<unknown> = { name: 'string', encode: String, decode: (binary) => binary }
const marker = (checkpoint: number) => ({ checkpoint, epoch: 0, metadataDigest: `d${checkpoint}` })

async function open({ cacheBytes = 1e9, isComplete = true, applyEntries = 1e9 } = {}) {
  const backend = createMemoryBackend()
  await backend.open()
  const state = new WorkerState(backend, systemClock, cacheBytes, { applyEntries })
  const task = state.openTask('s/0')
  const table = task.declare<unknown>({ stateId: 1, codec: messagePack, keyCodec: textKeys, isComplete })
  const set = async (key: string, value: unknown) => {
    const into = [[]] as never[][]
    await task.prefetch([table], [key], into)
    const entry = into[0]![0]! as Parameters<typeof table.claim>[0]
    table.claim(entry)
    entry.value = value
  }
  const get = async (key: string) => {
    const into = [[]] as never[][]
    await task.prefetch([table], [key], into)
    return (into[0]![0]! as { value: unknown }).value
  }
  const stored = async () => {
    const entries: [string, unknown][] = []
    for await (const { key, value } of backend.scan('s/0', '', 0)) {
      entries.push([parseStateKey(key).key, messagePack.decode(value, 0, value.length)])
    }
    return Object.fromEntries(entries)
  }
  return { backend, state, table, set, get, stored }
}

describe('sealing', () => {
  test('holds what was changed up to the cut, whatever is changed afterwards', async () => {
    const { state, set } = await open()
    const counter = { n: 1 }
    await set('a', counter)
    const sealed = state.seal()
    // In place, as aggregates do it: claim comes first.
    await set('a', counter)
    counter.n = 2
    const [changes] = await sealed.encode(systemClock)
    assert.deepEqual(messagePack.decode(changes!.values, changes!.valueStarts[0]!, changes!.valueEnds[0]!), { n: 1 })
  })

  test('holds only what has changed since the cut before', async () => {
    const { state, set } = await open()
    await set('a', 1)
    await set('b', 1)
    state.seal()
    await set('b', 2)
    const [changes] = await state.seal().encode(systemClock)
    assert.deepEqual(
      changes!.keys.map((key) => parseStateKey(key).key),
      ['b'],
    )
  })

  test('sorts by bytes and writes deletes', async () => {
    const { state, set } = await open()
    for (const key of ['b', 'a\0', 'a', 'ab', '\xff']) await set(key, key)
    await set('b', undefined)
    const [changes] = await state.seal().encode(systemClock)
    assert.deepEqual(
      changes!.keys.map((key) => parseStateKey(key).key),
      ['a', 'a\0', 'ab', 'b', '\xff'],
    )
    assert.equal(changes!.valueStarts[3], -1)
  })
})

describe('flushing', () => {
  test('brings sealed generations into the backend in their order', async () => {
    const { state, set, stored } = await open()
    await set('a', 1)
    await set('b', 1)
    const first = state.seal()
    await set('a', 2)
    const second = state.seal()
    await set('a', 3)
    await state.flush([first, second], marker(2))
    assert.deepEqual(await stored(), { a: 2, b: 1 })
  })
})

test('many changes are flushed in steps, of which the first says what they are to lead to', async () => {
  const { state, backend, set, stored } = await open({ applyEntries: 2 })
  const steps: { entries: number; markers: unknown[] }[] = []
  const apply = backend.apply.bind(backend)
  backend.apply = (changes, markers) => {
    steps.push({ entries: changes.reduce((sum, { keys }) => sum + keys.length, 0), markers: [...markers.values()] })
    return apply(changes, markers)
  }
  for (const key of ['a', 'b', 'c', 'd', 'e']) await set(key, 1)
  await state.flush([state.seal()], marker(1))
  await set('a', 2)
  await state.flush([state.seal()], marker(2))
  for (const key of ['a', 'b', 'c']) await set(key, 3)
  await state.flush([state.seal()], marker(3))
  assert.deepEqual(steps, [
    { entries: 2, markers: [{ ...marker(1), since: 0 }] },
    { entries: 2, markers: [] },
    { entries: 1, markers: [marker(1)] },
    { entries: 1, markers: [marker(2)] },
    { entries: 2, markers: [{ ...marker(3), since: 2 }] },
    { entries: 1, markers: [marker(3)] },
  ])
  assert.deepEqual(await stored(), { a: 3, b: 3, c: 3, d: 1, e: 1 })
})

describe('the cache', () => {
  test('evicts what the backend holds, and reads it again', async () => {
    const { state, table, set, get } = await open({ cacheBytes: 0 })
    for (let i = 0; i < 100; i++) await set(`k${i}`, i)
    await state.flush([state.seal()], marker(1))
    state.trim()
    assert.equal(table.size, 0)
    assert.equal(await get('k42'), 42)
    assert.equal(await get('unknown'), undefined)
  })

  test('never evicts what the backend does not hold yet', async () => {
    const { state, table, set, get } = await open({ cacheBytes: 0 })
    await set('a', 1)
    const sealed = state.seal()
    await set('b', 1)
    state.trim()
    assert.equal(table.size, 2)
    await state.flush([sealed], marker(1))
    state.trim()
    assert.equal(table.size, 1)
    assert.equal(await get('b'), 1)
  })

  test('an evicted absent key is still known to be absent in a table that began empty', async () => {
    const { state, table, get } = await open({ cacheBytes: 0 })
    assert.equal(await get('a'), undefined)
    state.trim()
    assert.equal(table.size, 0)
    assert.notEqual(table.find('a'), undefined)
  })
})
