import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { count, sum } from '../../api/aggregates.ts'
import { defineJob, type JobDefinition } from '../../api/define-job.ts'
import { segmentPath } from '../../checkpoint/metadata.ts'
import { SavepointReader } from '../../checkpoint/savepoint/savepoint-reader.ts'
import { MillraceError } from '../../common/errors.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import type { StateBackend } from '../../ports/state-backend.ts'
import { createMemoryBackend } from '../../state/memory/memory-backend.ts'
import { MemorySink } from '../../testing/memory-sink.ts'
import { type MemoryRecord, MemorySource } from '../../testing/memory-source.ts'
import type { MemoryStorage } from '../../testing/memory-storage.ts'
import { StorageFolder } from '../../testing/storage-folder.ts'
import { SavepointWorld, until } from './savepoint-world.fixture.ts'

interface Order {
  readonly amount: number
}

/** Keys of one partition each. */
const records = (n: number, from = 0): MemoryRecord<Order>[][] => {
  const partitions: MemoryRecord<Order>[][] = [[], []]
  for (let i = from; i < from + n; i++) {
    partitions[i % 2]!.push({ key: `p${i % 2}-${Math.floor(i / 2) % 3}`, value: { amount: (i % 7) + 1 } })
  }
  return partitions
}

class Scene {
  readonly source: MemorySource<Order>
  /** Output of all applications. */
  readonly sink = new MemorySink<unknown>()

  constructor(n: number) {
    this.source = new MemorySource(records(n))
  }

  add(n: number): void {
    const before = this.source.partitions.reduce((sum, { length }) => sum + length, 0)
    for (const [partition, more] of records(n, before).entries()) this.source.add(partition, more)
  }

  job(operator = 'totals'): JobDefinition {
    return defineJob('orders', (job) => {
      job
        .source('orders', this.source)
        .keyByRecordKey()
        .aggregate(operator, { orders: count(), total: sum((order: Order) => order.amount) })
        .sink('out', this.sink)
    })
  }

  get isAllOut(): boolean {
    return this.sink.committed.length >= this.source.partitions.reduce((sum, { length }) => sum + length, 0)
  }

  /** Every row of every key, once and in its order, whichever job has put it out. @param life rows before it are another life's, and records of each partition */
  assertExact(life = { rows: 0, records: 0 }): void {
    const expected = new Map<string, unknown[]>()
    const totals = new Map<string, { orders: number; total: number }>()
    for (const { key, value } of this.source.partitions.flatMap((records) => records.slice(life.records))) {
      const id = key ?? ''
      const { orders, total } = totals.get(id) ?? { orders: 0, total: 0 }
      const next = { orders: orders + 1, total: total + value.amount }
      totals.set(id, next)
      expected.set(id, [...(expected.get(id) ?? []), { key: id, ...next }])
    }
    assert.deepEqual(
      Map.groupBy(this.sink.committed.slice(life.rows), (row) => (row as { key: string }).key),
      expected,
    )
  }
}

/** Local state that outlives its worker, as a directory does. */
function onDisk(): StateBackend {
  const backend = createMemoryBackend()
  const open = backend.open.bind(backend)
  let opened: Promise<void> | undefined
  backend.open = () => (opened ??= open())
  backend.close = async () => {}
  return backend
}

const folder = (world: SavepointWorld, uri: string) => new StorageFolder(world.storage, uri)

describe('a savepoint', () => {
  test('of a running job is whole, and the job goes on', async () => {
    const scene = new Scene(300)
    const world = new SavepointWorld('a')
    const worker = world.start(scene.job(), { checkpointsRetained: 1, checkpointInterval: 100 })
    await until(() => scene.sink.committed.length > 0)
    const uri = await world.savepoint(false)
    assert.match(uri, /^memory:\/a\/savepoints\/\d{10}-e\d+$/)
    const reader = await SavepointReader.open(folder(world, uri))
    assert.deepEqual(await reader.verify(), [])
    assert.equal(reader.metadata.isStopped, false)
    scene.add(100)
    const { completed } = worker.status.checkpoints
    await until(() => scene.isAllOut && worker.status.checkpoints.completed > completed + 3)
    worker.stop()
    assert.deepEqual(await worker.done, { ok: true })
    scene.assertExact()
    assert.deepEqual(await reader.verify(), [], 'retention has left it alone')
  })

  test('with stop ends every copy well; another application goes on from it, with nothing lost or doubled', async () => {
    const scene = new Scene(400)
    const world = new SavepointWorld('a')
    const [first, second, idle] = [world.start(scene.job()), world.start(scene.job()), world.start(scene.job())]
    await until(() => scene.sink.committed.length > 100)
    const uri = await world.savepoint(true, 'memory:/elsewhere/one')
    assert.equal(uri, 'memory:/elsewhere/one')
    for (const worker of [first, second, idle]) assert.deepEqual(await worker.done, { ok: true })
    scene.add(200)
    const other = new SavepointWorld('b', world.storage)
    const [third, fourth] = [other.start(scene.job(), { from: uri }), other.start(scene.job(), { from: uri })]
    await until(() => scene.isAllOut)
    third.stop()
    assert.deepEqual(await third.done, { ok: true })
    fourth.stop()
    assert.deepEqual(await fourth.done, { ok: true })
    scene.assertExact()
  })

  test('that can not be written fails by name, and the job goes on', async () => {
    const scene = new Scene(100)
    const world = new SavepointWorld('a')
    const denied = new MillraceError('MR_STORAGE_DENIED', 'no')
    world.openStorage = async (uri) => {
      const storage = folder(world, uri) as CheckpointStorage
      storage.put = async () => {
        throw denied
      }
      return storage
    }
    const worker = world.start(scene.job())
    await until(() => scene.isAllOut)
    await assert.rejects(world.savepoint(false), { code: 'MR_SAVEPOINT_FAILED', message: /MR_STORAGE_DENIED: no/ })
    await assert.rejects(world.savepoint(true), { code: 'MR_SAVEPOINT_FAILED' })
    scene.add(100)
    await until(() => scene.isAllOut)
    worker.stop()
    assert.deepEqual(await worker.done, { ok: true })
    scene.assertExact()
  })

  test('whose checkpoint is aborted fails by name, however often, and the job goes on', async () => {
    const scene = new Scene(100)
    const world = new SavepointWorld('a')
    const worker = world.start(scene.job(), { checkpointTolerableFailures: 0, checkpointInterval: 60_000 })
    await until(() => scene.isAllOut)
    for (const isStop of [false, true, false]) {
      scene.add(10)
      world.storage.refusal = new MillraceError('MR_STORAGE_UNAVAILABLE', 'refused')
      await assert.rejects(world.savepoint(isStop), { code: 'MR_SAVEPOINT_CHECKPOINT_ABORTED' })
      world.storage.refusal = undefined
    }
    await world.savepoint(true)
    assert.deepEqual(await worker.done, { ok: true })
    scene.assertExact()
  })

  test('stays where the log tells of it, also if its author is not answered', async () => {
    const scene = new Scene(100)
    const world = new SavepointWorld('a')
    const worker = world.start(scene.job())
    await until(() => scene.isAllOut)
    const append = world.log.append.bind(world.log)
    world.log.append = async (values) => {
      const offset = await append(values)
      if (values.some((value) => value.includes('savepoint-completed'))) throw new Error('no answer')
      return offset
    }
    const uri = await world.savepoint(false)
    await until(() => world.log.entries.some((entry) => entry.includes('request-failed')))
    worker.stop()
    assert.deepEqual(await worker.done, { ok: true })
    assert.deepEqual(await (await SavepointReader.open(folder(world, uri))).verify(), [])
  })

  test('of a job that is stopped, or is asked already, is refused by name', async () => {
    const scene = new Scene(100)
    const world = new SavepointWorld('a')
    const worker = world.start(scene.job())
    await until(() => scene.isAllOut)
    const gate = Promise.withResolvers<void>()
    world.openStorage = async (uri) => {
      await gate.promise
      return folder(world, uri)
    }
    const slow = world.savepoint(true)
    await until(() => world.log.entries.some((entry) => entry.includes('savepoint-requested')))
    await assert.rejects(world.savepoint(false), { code: 'MR_JOB_BUSY' })
    gate.resolve()
    await slow
    assert.deepEqual(await worker.done, { ok: true })
    await assert.rejects(world.savepoint(false), { code: 'MR_JOB_NOT_RUNNING' })
  })

  test('is over with the epoch: a copy that leaves meanwhile costs the savepoint, and nothing else', async () => {
    const scene = new Scene(100)
    const world = new SavepointWorld('a')
    const [first, second] = [world.start(scene.job()), world.start(scene.job())]
    await until(() => scene.isAllOut && [first, second].every(({ status }) => status.phase === 'running'))
    const begun = Promise.withResolvers<void>()
    world.openStorage = async (uri) => {
      const storage = folder(world, uri) as CheckpointStorage
      storage.put = () => {
        begun.resolve()
        return new Promise((_, reject) => setTimeout(() => reject(new Error('late')), 200))
      }
      return storage
    }
    const asked = assert.rejects(world.savepoint(false), { code: /^MR_SAVEPOINT_(INTERRUPTED|FAILED)$/ })
    await begun.promise
    second.stop()
    await second.done
    await asked
    scene.add(50)
    await until(() => scene.isAllOut)
    first.stop()
    await first.done
    scene.assertExact()
  })
})

describe('a job that begins with a savepoint', () => {
  /** A savepoint of 200 records, and the scene behind it. */
  async function stopped(): Promise<{ scene: Scene; uri: string; storage: MemoryStorage }> {
    const scene = new Scene(200)
    const world = new SavepointWorld('a')
    const worker = world.start(scene.job())
    await until(() => scene.isAllOut)
    const uri = await world.savepoint(true)
    assert.deepEqual(await worker.done, { ok: true })
    return { scene, uri, storage: world.storage }
  }

  test('takes it once: after a crash it goes on from its own checkpoint, also where the savepoint is gone', async () => {
    const { scene, uri, storage } = await stopped()
    const world = new SavepointWorld('b', storage)
    const first = world.start(scene.job(), { from: uri })
    scene.add(100)
    await until(() => scene.isAllOut)
    first.disappear()
    scene.add(100)
    const second = world.start(scene.job(), { from: uri })
    await until(() => scene.isAllOut)
    second.stop()
    assert.deepEqual(await second.done, { ok: true })
    for (const path of [...storage.files.keys()]) if (path.startsWith('a/savepoints/')) storage.files.delete(path)
    scene.add(10)
    const third = world.start(scene.job(), { from: uri })
    await until(() => scene.isAllOut)
    third.stop()
    assert.deepEqual(await third.done, { ok: true })
    scene.assertExact()
    assert.equal(world.log.entries.filter((entry) => entry.includes('savepoint-restored')).length, 1)
  })

  test('that has checkpoints of its own is refused, unless it is forced', async () => {
    const { scene, uri, storage } = await stopped()
    const world = new SavepointWorld('a2', storage)
    const own = new Scene(50)
    const before = world.start(own.job())
    await until(() => own.isAllOut)
    before.stop()
    await before.done
    const refused = await world.start(scene.job(), { from: uri }).done
    assert(!refused.ok && (refused.error as MillraceError).code === 'MR_SAVEPOINT_NOT_TAKEN')
    for (let again = 0; again < 2; again++) {
      scene.add(20)
      const forced = world.start(scene.job(), { from: uri, fromForce: true })
      await until(() => scene.isAllOut)
      forced.stop()
      assert.deepEqual(await forced.done, { ok: true })
    }
    scene.assertExact()
    assert.equal((await world.view()).abandoned.length, 0, 'what was given up is deleted')
  })

  test('takes it at the next start where the first died behind the metadata of its copy', async () => {
    const { scene, uri, storage } = await stopped()
    const world = new SavepointWorld('b', storage)
    const put = storage.put.bind(storage)
    storage.put = async (path, ...rest) => {
      await put(path, ...rest)
      if (path.startsWith('b/') && path.endsWith('/metadata.json')) throw new MillraceError('MR_STORAGE_UNAVAILABLE', 'died')
    }
    const died = await world.start(scene.job(), { from: uri }).done
    assert(!died.ok && (died.error as MillraceError).code === 'MR_STORAGE_UNAVAILABLE')
    storage.put = put
    scene.add(100)
    const second = world.start(scene.job(), { from: uri })
    await until(() => scene.isAllOut || second.status.phase === 'failed')
    second.stop()
    assert.deepEqual(await second.done, { ok: true })
    scene.assertExact()
  })

  test('by force forgets what its copies have on their disks', async () => {
    const { scene, uri, storage } = await stopped()
    const world = new SavepointWorld('a2', storage)
    const disk = onDisk()
    world.createBackend = () => disk
    const own = new Scene(50)
    // Of a key that the savepoint doesn't know.
    const another = [{ key: 'p0-x', value: { amount: 5 } }]
    own.source.add(0, another)
    const before = world.start(own.job())
    await until(() => own.isAllOut)
    before.stop()
    await before.done
    scene.source.add(0, another)
    const forced = world.start(scene.job(), { from: uri, fromForce: true })
    await until(() => scene.isAllOut)
    forced.stop()
    assert.deepEqual(await forced.done, { ok: true })
    scene.assertExact()
  })

  test('without a place for its state is refused with a list, unless it may let go of it', async () => {
    const { scene, uri, storage } = await stopped()
    const world = new SavepointWorld('b', storage)
    const refused = await world.start(scene.job('renamed'), { from: uri }).done
    assert(!refused.ok && (refused.error as MillraceError).code === 'MR_SAVEPOINT_STATE_DROPPED')
    assert.match(refused.error.message, /aggregating state totals\/accumulator/)
    const worker = world.start(scene.job('renamed'), { from: uri, allowDroppedState: true })
    const before = scene.sink.committed.length
    scene.add(1)
    await until(() => scene.sink.committed.length > before)
    worker.stop()
    assert.deepEqual(await worker.done, { ok: true })
    assert.deepEqual(scene.sink.committed.at(-1), { key: 'p0-1', orders: 1, total: (200 % 7) + 1 })
  })

  test('of a place without one is refused by name', async () => {
    const world = new SavepointWorld('b')
    const refused = await world.start(new Scene(1).job(), { from: 'memory:/nowhere' }).done
    assert(!refused.ok && (refused.error as MillraceError).code === 'MR_SAVEPOINT_NOT_FOUND')
  })

  test('reads another topic only where it is told to, from its offsets or from its start', async () => {
    const { scene, uri, storage } = await stopped()
    const world = new SavepointWorld('b', storage)
    const { source } = scene
    source.resolveStart = async () => ({
      identity: 'another',
      partitions: source.partitions.map((_, partition) => ({ partition, position: 0, first: 0 })),
    })
    const refused = await world.start(scene.job(), { from: uri }).done
    assert(!refused.ok && (refused.error as MillraceError).code === 'MR_SAVEPOINT_SOURCE_DIFFERS')
    scene.add(20)
    const worker = world.start(scene.job(), { from: uri, fromPositions: 'offsets' })
    await until(() => scene.isAllOut)
    worker.stop()
    assert.deepEqual(await worker.done, { ok: true })
    scene.assertExact()
    const again = new SavepointWorld('c', storage)
    const before = scene.sink.committed.length
    const restarted = again.start(scene.job(), { from: uri, fromPositions: 'start' })
    await until(() => scene.sink.committed.length === before + 220)
    restarted.stop()
    assert.deepEqual(await restarted.done, { ok: true })
  })
})

describe('a job that is cancelled', () => {
  for (const retainOnCancel of ['keep', 'delete'] as const) {
    test(`ends every copy; its checkpoints: ${retainOnCancel}`, async () => {
      const scene = new Scene(200)
      const world = new SavepointWorld('a')
      const workers = [world.start(scene.job(), { retainOnCancel }), world.start(scene.job(), { retainOnCancel })]
      await until(() => scene.isAllOut)
      await world.savepoint(false)
      const { stopped } = await world.ask({ type: 'cancel-requested' })
      for (const worker of workers) assert.deepEqual(await worker.done, { ok: true })
      scene.assertExact()
      assert.equal(stopped?.isForgotten, retainOnCancel === 'delete')
      const kept = [...world.storage.files.keys()]
      assert.equal(
        kept.some((path) => path.startsWith('a/savepoints/')),
        true,
      )
      assert.equal(
        kept.some((path) => path.startsWith('a/segments/')),
        retainOnCancel === 'keep',
      )
      assert.equal(
        kept.some((path) => path.startsWith('a/checkpoints/')),
        retainOnCancel === 'keep',
      )
      scene.add(10)
      const before = scene.sink.committed.length
      const expected = retainOnCancel === 'keep' ? 10 : 210
      const next = world.start(scene.job(), { retainOnCancel })
      await until(() => scene.sink.committed.length === before + expected)
      next.stop()
      assert.deepEqual(await next.done, { ok: true })
      if (retainOnCancel === 'keep') scene.assertExact()
    })
  }

  test('and begins anew does so with whatever its copies have on their disks', async () => {
    const scene = new Scene(200)
    const world = new SavepointWorld('a')
    const disks = [onDisk(), onDisk()]
    const start = (disk: number) => {
      world.createBackend = () => disks[disk]!
      return world.start(scene.job(), { retainOnCancel: 'delete' })
    }
    // It has all the tasks, so whichever comes back to its disk has been there.
    const cancelled = start(1)
    await until(() => scene.isAllOut)
    await world.ask({ type: 'cancel-requested' })
    assert.deepEqual(await cancelled.done, { ok: true })
    const { source } = scene
    source.resolveStart = async () => ({
      identity: 'memory',
      partitions: source.partitions.map((_, partition) => ({ partition, position: 100, first: 0 })),
    })
    const first = start(0)
    scene.add(2)
    await until(() => scene.sink.committed.length === 202)
    const second = start(1)
    await until(() => second.status.phase === 'running')
    scene.add(50)
    await until(() => scene.sink.committed.length >= 252)
    for (const worker of [first, second]) {
      worker.stop()
      assert.deepEqual(await worker.done, { ok: true })
    }
    scene.assertExact({ rows: 200, records: 100 })
  })

  test('deletes nothing of a copy that has been started since', async () => {
    const scene = new Scene(20)
    const world = new SavepointWorld('a')
    const worker = world.start(scene.job(), { retainOnCancel: 'delete' })
    await until(() => scene.isAllOut)
    const later = segmentPath('a', 99, 1_000_000, 0)
    await world.storage.put(later, [])
    await world.ask({ type: 'cancel-requested' })
    assert.deepEqual(await worker.done, { ok: true })
    assert.deepEqual([...world.storage.files.keys()], [later])
  })
})
