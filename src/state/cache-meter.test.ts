import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../common/clock.ts'
import type { KeyCodec } from '../ports/source.ts'
import { CacheMeter } from './cache-meter.ts'
import { messagePack } from './codecs.ts'
import { createMemoryBackend } from './memory/memory-backend.ts'
import type { StateEntry } from './state-entry.ts'
import { WorkerState } from './worker-state.ts'

const textKeys: KeyCodec<unknown> = { name: 'string', encode: String, decode: (binary) => binary }
const KEYS = Array.from({ length: 2_000 }, (_, i) => `key${i}`)

test('a cache tells what its cuts hold, what it has lost and needs again, and how long that takes', async () => {
  let nowMs = 0
  // Each look at the clock is a millisecond later.
  const clock = { ...systemClock, monotonicMs: () => nowMs++ }
  const meter = new CacheMeter(clock)
  const backend = createMemoryBackend()
  await backend.open()
  const state = new WorkerState(backend, systemClock, 1e9, { meter })
  const task = state.openTask('s/0')
  const table = task.declare<unknown>({ stateId: 1, codec: messagePack, keyCodec: textKeys, isComplete: false })
  const touch = async () => {
    const into: StateEntry<unknown>[][] = [[]]
    await task.prefetch([table], KEYS, into)
    return into[0]!
  }
  for (const entry of await touch()) {
    table.claim(entry)
    entry.value = 'value'
  }
  const { misses } = meter
  assert.equal(misses, KEYS.length)
  assert.equal(meter.ghosts.take().hits, 0)
  const overlay = state.seal()
  assert.equal(meter.sealedBytes, overlay.entryBytes)
  assert.ok(meter.sealedBytes > 100 * KEYS.length)
  await state.flush([overlay], { checkpoint: 1, epoch: 0, metadataDigest: 'd' })

  // A smaller share holds from the next trim on.
  state.cache.capacityBytes = 1_000
  state.trim()
  assert.ok(state.cache.usedBytes <= 1_000)
  assert.ok(meter.ghosts.take().bytes > 0)
  await touch()
  const { hits } = meter.ghosts.take()
  assert.ok(hits > 0.6 * KEYS.length && hits < 1.4 * KEYS.length, `${hits} misses would have been spared`)
  assert.ok(meter.misses > 1.9 * KEYS.length)
  // One millisecond for each of the two loads.
  assert.equal(meter.loadMs, 2)
})
