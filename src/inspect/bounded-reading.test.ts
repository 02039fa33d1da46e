/** What is read of large state, and when: no more than is asked for, and no faster than it is taken. */
import assert from 'node:assert/strict'
import { describe as suite, test } from 'node:test'
import { murmur2Latin1, partitionForKey } from '../common/murmur2.ts'
import { StateChangesBuilder } from '../records/state-changes-builder.ts'
import { stateKey, statePrefix } from '../state/state-key.ts'
import { MemoryStorage } from '../testing/memory-storage.ts'
import { compare } from './compare.ts'
import { openSnapshot } from './open-snapshot.ts'
import { StoredState } from './stored-state.ts'
import { CheckpointScene, describe, stored } from './testing.ts'

const KEYS = 60_000
const keyOf = (i: number) => `key-${String(i).padStart(8, '0')}`
/** Hardly compressible. */
const textOf = (i: number, round: number) => `${round}:${Math.sin(i + round)}:${Math.cos(i * 7 + round)}:${Math.sin(i * 13)}`

/** Counts what is asked of it. */
class CountingStorage extends MemoryStorage {
  requests = 0
  bytes = 0
  largest = 0

  constructor(files: ReadonlyMap<string, Buffer>) {
    super()
    for (const [path, bytes] of files) this.files.set(path, bytes)
  }

  override async getRange(path: string, start: number, end: number, signal?: AbortSignal): Promise<Buffer> {
    const found = await super.getRange(path, start, end, signal)
    this.requests++
    this.bytes += found.length
    this.largest = Math.max(this.largest, found.length)
    return found
  }
}

function changes(task: string, from: number, step: number, round: number, states: readonly number[] = [1, 2]) {
  const builder = new StateChangesBuilder(task)
  for (const id of states) {
    for (let i = from; i < KEYS; i += step) builder.put(stateKey(statePrefix(id), keyOf(i)), stored(textOf(i, round)))
  }
  return builder.build()
}

let made: Promise<CheckpointScene> | undefined

/** A whole one in several files, as compaction leaves it, and some newer changes. */
function largeScene(): Promise<CheckpointScene> {
  made ??= makeLargeScene()
  return made
}

async function makeLargeScene(): Promise<CheckpointScene> {
  const scene = await new CheckpointScene([describe(1), describe(2)]).cut([changes('in/0', 0, 1, 1)])
  await scene.merge('in/0', 0, 1, 1024 * 1024)
  await scene.cut([changes('in/0', 0, 3, 2)])
  await scene.cut([changes('in/0', 0, 7, 3)])
  return scene
}

async function openCounted(
  scene: CheckpointScene,
  budgetBytes?: number,
): Promise<{ storage: CountingStorage; state: StoredState; bytes: number }> {
  const storage = new CountingStorage(scene.storage.files)
  const state = new StoredState(await openSnapshot(storage, scene.path), budgetBytes === undefined ? {} : { budgetBytes })
  const bytes = Object.values(scene.metadata!.chains)
    .flat()
    .reduce((sum, link) => sum + link.bytes, 0)
  return { storage, state, bytes }
}

const roundOf = (i: number) => (i % 7 === 0 ? 3 : i % 3 === 0 ? 2 : 1)

suite('large state', () => {
  test('one key of it is found by reading some blocks', async () => {
    const scene = await largeScene()
    const { storage, state, bytes } = await openCounted(scene)
    assert.ok(bytes > 4_000_000, `${bytes} bytes`)
    for (const i of [0, 1, 3, 7, 21, 31_415, KEYS - 1]) {
      const before = storage.bytes
      assert.equal(await state.operator('op').value('s2').get(keyOf(i)), textOf(i, roundOf(i)))
      assert.ok(storage.bytes - before < 500_000, `${storage.bytes - before} of ${bytes} bytes for key ${i}`)
    }
    // The indexes are read once.
    const before = storage.bytes
    assert.equal(await state.operator('op').value('s1').get(keyOf(500)), textOf(500, 1))
    assert.equal(await state.operator('op').value('s1').get('key-00000500x'), undefined)
    assert.equal(await state.operator('op').value('s1').get('zzz'), undefined)
    assert.ok(storage.bytes - before < 450_000, `${storage.bytes - before} bytes`)
  })

  test('one state of it is read without the others', async () => {
    const { storage, state, bytes } = await openCounted(await largeScene())
    let entries = 0
    for await (const { key, value } of state.operator('op').value<string>('s2')) {
      assert.equal(key, keyOf(entries))
      assert.equal(value, textOf(entries, roundOf(entries)))
      entries++
    }
    assert.equal(entries, KEYS)
    assert.ok(storage.bytes < 0.7 * bytes, `${storage.bytes} of ${bytes} bytes`)
  })

  test('is read no faster than it is taken, in pieces, and no more once it is given up', async () => {
    const { storage, state, bytes } = await openCounted(await largeScene(), 256 * 1024)
    let entries = 0
    for await (const _ of state.operator('op').value('s1')) {
      if (entries++ % 1000 !== 0) continue
      // Half of it is the other state's. Of each of three runs there is a window in hand and one on its way, and indexes.
      const taken = (bytes / 2) * (entries / KEYS)
      assert.ok(storage.bytes < 1.1 * taken + 1_000_000, `${storage.bytes} of ${bytes} bytes behind ${entries} entries`)
      assert.ok(storage.largest <= 64 * 1024, `${storage.largest} bytes at once`)
    }
    assert.equal(entries, KEYS)
    const given = await openCounted(await largeScene())
    for await (const _ of given.state.operator('op').value('s1')) break
    const before = given.storage.bytes
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(given.storage.bytes, before)
  })

  test('two are compared by passing over each of them once', async () => {
    const scene = await largeScene()
    const first = await openCounted(scene)
    await scene.cut([changes('in/0', 5, 10_000, 9, [1])])
    const second = await openCounted(scene)
    const found = await compare(first.state, second.state)
    assert.deepEqual(found, [
      { operator: 'op', state: 's1', added: 0, removed: 0, changed: 6, unchanged: KEYS - 6 },
      { operator: 'op', state: 's2', added: 0, removed: 0, changed: 0, unchanged: KEYS },
    ])
    assert.ok(first.storage.bytes < 1.5 * first.bytes, `${first.storage.bytes} of ${first.bytes} bytes`)
  })

  test('behind a keyBy only the task of a key is asked, wherever the key could be otherwise all are', async () => {
    for (const [exchanges, most] of [
      [{ in: 16 }, 1],
      [{}, 16],
    ] as const) {
      const builders = Array.from({ length: 16 }, (_, partition) => new StateChangesBuilder(`in/${partition}`))
      for (let i = 0; i < 200; i++) {
        const partition = partitionForKey(murmur2Latin1(keyOf(i)), 16)
        builders[partition]!.put(stateKey(statePrefix(1), keyOf(i)), stored(i))
      }
      const scene = await new CheckpointScene([describe(1)], exchanges).cut(builders.map((builder) => builder.build()))
      const { storage, state } = await openCounted(scene)
      assert.equal(await state.operator('op').value('s1').get(keyOf(77)), 77)
      assert.equal(await state.operator('op').value('s1').get('none'), undefined)
      assert.ok(storage.requests <= 2 * most + 8, `${storage.requests} requests`)
    }
  })
})
