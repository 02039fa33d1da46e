import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CheckpointMetadata } from '../../checkpoint/metadata.ts'
import type { RestorePoint } from '../../checkpoint/protocol/control-records.ts'
import { encodeSegment } from '../../checkpoint/segment/encode-segment.ts'
import type { StateBackend } from '../../ports/state-backend.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import { createMemoryBackend } from '../../state/memory/memory-backend.ts'
import { MemoryStorage } from '../../testing/memory-storage.ts'
import { restoreState } from './restore-state.ts'

const point = (checkpoint: number): RestorePoint => ({ checkpoint, epoch: 0, path: `m${checkpoint}`, sha256: `d${checkpoint}` })

function changes(entries: Record<string, string | null>): StateChanges {
  const keys = Object.keys(entries).sort()
  const values = Buffer.from(keys.map((key) => entries[key] ?? '').join(''))
  const valueStarts: number[] = []
  const valueEnds: number[] = []
  let at = 0
  for (const key of keys) {
    const value = entries[key]
    valueStarts.push(value === null || value === undefined ? -1 : at)
    at += value?.length ?? 0
    valueEnds.push(at)
  }
  return { task: 's/0', keys, values, valueStarts, valueEnds }
}

/** Three checkpoints, one segment each. */
async function scene() {
  const storage = new MemoryStorage()
  const segments = []
  const chain = []
  for (const [i, entries] of [
    { a: '1', b: '1' },
    { b: '2', c: '2' },
    { a: null, d: '3' },
  ].entries()) {
    const { chunks, bytes, sha256, slices } = await encodeSegment([changes(entries)])
    await storage.put(`seg${i}`, chunks)
    segments.push({ path: `seg${i}`, bytes, sha256, since: i + 1 })
    const slice = slices[0]!
    chain.push({ segment: i, offset: slice.offset, bytes: slice.bytes, entries: slice.entries })
  }
  const metadata = { chains: { 's/0': chain }, segments, checkpoint: 3 } as unknown as CheckpointMetadata
  return { storage, metadata }
}

async function contents(backend: StateBackend): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for await (const { key, value } of backend.scan('s/0', '', 0)) found[key] = value.toString()
  return found
}

const EXPECTED = { b: '2', c: '2', d: '3' }

async function restore(backend: StateBackend, ancestors: readonly RestorePoint[] = [point(1), point(2), point(3)]) {
  const { storage, metadata } = await scene()
  return restoreState({ backend, storage, metadata, restorePoint: point(3), ancestors, tasks: ['s/0'] })
}

const marker = (checkpoint: number, digest = `d${checkpoint}`) =>
  new Map([['s/0', { checkpoint, epoch: 0, metadataDigest: digest }]])

async function opened(): Promise<StateBackend> {
  const backend = createMemoryBackend()
  await backend.open()
  return backend
}

test('applies the whole chain, oldest first, where nothing is local', async () => {
  const backend = await opened()
  const report = await restore(backend)
  assert.deepEqual(await contents(backend), EXPECTED)
  assert.deepEqual([report.tasksFromLocal, report.fetchedEntries], [0, 6])
  assert.equal((await backend.markers()).get('s/0')?.checkpoint, 3)
})

test('fetches only what is newer than a local ancestor', async () => {
  const backend = await opened()
  await backend.apply([changes({ a: '1', b: '1' })], marker(1))
  const report = await restore(backend)
  assert.deepEqual(await contents(backend), EXPECTED)
  assert.deepEqual([report.tasksFromLocal, report.fetchedEntries], [1, 4])
})

test('fetches nothing where the restore point itself is local', async () => {
  const backend = await opened()
  await backend.apply([changes(EXPECTED)], marker(3))
  assert.equal((await restore(backend)).fetchedBytes, 0)
  assert.deepEqual(await contents(backend), EXPECTED)
})

test('does not trust local state of an abandoned branch, nor of a checkpoint that is forgotten', async () => {
  for (const [wrong, ancestors] of [
    [marker(2, 'other'), [point(1), point(2), point(3)]],
    [marker(1), [point(3)]],
    [marker(9), [point(3)]],
  ] as const) {
    const backend = await opened()
    await backend.apply([changes({ z: 'wrong' })], wrong)
    const report = await restore(backend, ancestors)
    assert.deepEqual(await contents(backend), EXPECTED)
    assert.equal(report.tasksFromLocal, 0)
  }
})

test('deletes local state of tasks that are elsewhere now', async () => {
  const backend = await opened()
  await backend.apply(
    [{ ...changes({ z: '1' }), task: 's/7' }],
    new Map([['s/7', { checkpoint: 3, epoch: 0, metadataDigest: 'd3' }]]),
  )
  await restore(backend)
  assert.deepEqual([...(await backend.markers()).keys()], ['s/0'])
})

test('leaves the copies of tasks that others run as they are', async () => {
  const backend = await opened()
  const copy = { checkpoint: 2, epoch: 0, metadataDigest: 'd2' }
  await backend.apply([{ ...changes({ z: '1' }), task: 's/7' }], new Map([['s/7', copy]]))
  const { storage, metadata } = await scene()
  await restoreState({
    backend,
    storage,
    metadata,
    restorePoint: point(3),
    ancestors: [],
    tasks: ['s/0'],
    standby: ['s/7', 's/8'],
  })
  const markers = await backend.markers()
  assert.deepEqual([...markers.keys()].sort(), ['s/0', 's/7'])
  assert.deepEqual(markers.get('s/7'), copy)
})

test('without a restore point everything local is deleted', async () => {
  const backend = await opened()
  await backend.apply([changes({ z: '1' })], marker(3))
  const { storage } = await scene()
  const report = await restoreState({ backend, storage, metadata: null, restorePoint: null, ancestors: [], tasks: ['s/0'] })
  assert.deepEqual(await contents(backend), {})
  assert.deepEqual([...report.emptyTasks], ['s/0'])
})

/** A backend on which every write of state goes through `write` first, or behind. */
function writing(real: StateBackend, write: (apply: () => Promise<void>) => Promise<void>): StateBackend {
  return new Proxy(real, {
    get(target, name) {
      const value = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      if (name !== 'apply') return value.bind(target)
      return (...args: Parameters<StateBackend['apply']>) => {
        const apply = () => real.apply(...args)
        return args[0].length === 0 ? apply() : write(apply)
      }
    },
  })
}

/** After the first write of state, it fails. */
const dying = (backend: StateBackend) =>
  writing(backend, async (apply) => {
    await apply()
    throw new Error('it dies')
  })

test('what a restore that was cut off has left behind is no checkpoint', async () => {
  const backend = await opened()
  await assert.rejects(restore(dying(backend)), /it dies/)
  assert.equal((await backend.markers()).get('s/0')?.checkpoint, -1)
  const report = await restore(backend)
  assert.deepEqual(await contents(backend), EXPECTED)
  assert.equal(report.tasksFromLocal, 0)
})

test('a restore on top of local state that was cut off is gone on with from there, not taken for done', async () => {
  const backend = await opened()
  await backend.apply([changes({ a: '1', b: '1' })], marker(1))
  await assert.rejects(restore(dying(backend)), /it dies/)
  assert.deepEqual((await backend.markers()).get('s/0'), { ...marker(3).get('s/0'), since: 1 })
  const report = await restore(backend)
  assert.deepEqual(await contents(backend), EXPECTED)
  assert.deepEqual([report.tasksFromLocal, report.fetchedEntries], [1, 4])
  assert.deepEqual((await backend.markers()).get('s/0'), marker(3).get('s/0'))
})

test('nothing of a restore goes on behind its end', async () => {
  const backend = await opened()
  const slow = Promise.withResolvers<void>()
  let isWriting = false
  const stopping = new AbortController()
  const { storage, metadata } = await scene()
  const restoring = restoreState({
    backend: writing(backend, async (apply) => {
      isWriting = true
      stopping.abort(new Error('the epoch has ended'))
      await slow.promise
      await apply()
      isWriting = false
    }),
    storage,
    metadata,
    restorePoint: point(3),
    ancestors: [],
    tasks: ['s/0'],
    signal: stopping.signal,
  })
  let wasWriting: boolean | undefined
  const ended = restoring.catch(() => {
    wasWriting = isWriting
  })
  await new Promise((resolve) => setTimeout(resolve, 20))
  slow.resolve()
  await ended
  assert.equal(wasWriting, false)
  assert.equal((await backend.markers()).get('s/0')?.checkpoint, -1, 'and it is no checkpoint')
})

test('a value that has expired since hides the older one that is local', async () => {
  const backend = await opened()
  await backend.apply([changes({ a: 'old' })], marker(1))
  const { storage, metadata } = await scene()
  const { chunks, slices, bytes, sha256 } = await encodeSegment([{ ...changes({ a: 'new' }), expiresAtMs: [1] }])
  await storage.put('expiring', chunks)
  const [slice] = slices
  const link = { segment: 1, offset: slice?.offset ?? 0, bytes: slice?.bytes ?? 0, entries: 1 }
  const chain = [metadata.chains['s/0']?.[0] ?? assert.fail(), link]
  const segments = [metadata.segments[0] ?? assert.fail(), { path: 'expiring', bytes, sha256, since: 2 }]
  const next = { chains: { 's/0': chain }, segments, checkpoint: 2 } as unknown as CheckpointMetadata
  const ancestors = [point(1), point(2)]
  await restoreState({ backend, storage, metadata: next, restorePoint: point(2), ancestors, tasks: ['s/0'] })
  assert.deepEqual(await backend.getMany('s/0', ['a'], Date.now()), [null])
})
