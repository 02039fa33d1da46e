import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CheckpointMetadata, encodeMetadata, METADATA_FORMAT } from '../../checkpoint/metadata.ts'
import { type ControlRecord, encodeControlRecord } from '../../checkpoint/protocol/control-records.ts'
import { encodeSegment } from '../../checkpoint/segment/encode-segment.ts'
import { systemClock } from '../../common/clock.ts'
import { silentLogger } from '../../common/logger.ts'
import type { StateBackend } from '../../ports/state-backend.ts'
import { StateChangesBuilder } from '../../records/state-changes-builder.ts'
import type { TaskKey } from '../../records/task-id.ts'
import { createMemoryBackend } from '../../state/memory/memory-backend.ts'
import { MemoryControlLog } from '../../testing/memory-control-log.ts'
import { MemoryStorage } from '../../testing/memory-storage.ts'
import { LogFollower } from '../log-follower.ts'
import { Standby } from './standby.ts'
import { noStandby } from './standby-statistics.ts'

const TASK: TaskKey = 's/0'

class SlowStorage extends MemoryStorage {
  /** While set, nobody is answered who asks for a range. */
  gate: Promise<void> | undefined

  override async getRange(path: string, start: number, end: number, signal?: AbortSignal): Promise<Buffer> {
    const aborted = new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    aborted.catch(() => {})
    if (this.gate !== undefined) await Promise.race([this.gate, aborted])
    return super.getRange(path, start, end, signal)
  }
}

/** A job of which another worker runs the task: its checkpoints are made by hand. */
class Scene {
  readonly storage = new SlowStorage()
  readonly backend: StateBackend = createMemoryBackend()
  readonly log = new MemoryControlLog()
  readonly follower = new LogFollower(this.log)
  readonly statistics = noStandby()
  readonly standby = new Standby({ ...this, tasks: [TASK], clock: systemClock, logger: silentLogger })
  private readonly segments: CheckpointMetadata['segments'][number][] = []
  private readonly chain: CheckpointMetadata['chains'][string][number][] = []
  private checkpoint = 0

  static async open(): Promise<Scene> {
    const scene = new Scene()
    await scene.backend.open()
    await scene.append(
      {
        type: 'epoch-claimed',
        nonce: 'n',
        previousEpoch: -1,
        members: [{ worker: 'a', joinNonce: 'n', memberId: 'm' }],
        assignment: { a: [TASK] },
        standby: { b: [TASK] },
        graphDigest: 'g',
        workers: 1,
        slots: 1,
        at: '',
      },
      { type: 'epoch-recovered', epoch: 0, restorePoint: null, settled: [], fresh: {}, sources: {}, exchanges: [] },
      { type: 'worker-ready', epoch: 0, worker: 'a', exchangeProducerId: null },
      { type: 'epoch-started', epoch: 0, at: '' },
    )
    await scene.follower.start()
    return scene
  }

  /** Stored; completed when it is told so. */
  async store(entries: Record<string, string | null>): Promise<() => Promise<void>> {
    const builder = new StateChangesBuilder(TASK)
    for (const key of Object.keys(entries).sort()) {
      const value = entries[key]
      if (value === null || value === undefined) builder.delete(key)
      else builder.put(key, Buffer.from(value))
    }
    const { chunks, bytes, sha256, slices } = await encodeSegment([builder.build()])
    const checkpoint = ++this.checkpoint
    await this.storage.put(`seg${checkpoint}`, chunks)
    const { offset, bytes: sliceBytes, entries: count } = slices[0]!
    this.chain.push({ segment: this.segments.length, offset, bytes: sliceBytes, entries: count })
    this.segments.push({ path: `seg${checkpoint}`, bytes, sha256, since: checkpoint })
    const metadata = {
      format: METADATA_FORMAT,
      version: 1,
      checkpoint,
      segments: [...this.segments],
      chains: { [TASK]: [...this.chain] },
    } as unknown as CheckpointMetadata
    const encoded = encodeMetadata(metadata)
    await this.storage.put(`m${checkpoint}`, [encoded.bytes])
    return () =>
      this.append(
        { type: 'checkpoint-triggered', epoch: 0, checkpoint, kind: 'periodic' },
        { type: 'checkpoint-acked', epoch: 0, checkpoint, worker: 'a', manifest: { committables: [], committed: [] } as never },
        { type: 'checkpoint-completed', epoch: 0, checkpoint, path: `m${checkpoint}`, sha256: encoded.sha256 },
      )
  }

  async complete(entries: Record<string, string | null>): Promise<void> {
    await (await this.store(entries))()
  }

  async append(...records: readonly ControlRecord[]): Promise<void> {
    await this.log.append(records.map(encodeControlRecord))
  }

  async contents(): Promise<Record<string, string>> {
    const found: Record<string, string> = {}
    for await (const { key, value } of this.backend.scan(TASK, '', 0)) found[key] = value.toString()
    return found
  }

  async markerAt(): Promise<number | undefined> {
    return (await this.backend.markers()).get(TASK)?.checkpoint
  }

  async close(): Promise<void> {
    await this.standby.stop()
    await this.follower.stop()
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    assert.ok(i < 2_000, 'it comes to pass within some seconds')
    await sleep(5)
  }
}

test('a copy follows what the log declares complete, and fetches only what is new', async () => {
  const scene = await Scene.open()
  await scene.complete({ a: '1', b: '1' })
  scene.standby.start()
  await until(() => scene.standby.checkpoint === 1)
  assert.deepEqual(await scene.contents(), { a: '1', b: '1' })
  const first = scene.statistics.fetchedBytes
  const complete = await scene.store({ a: null, c: '2' })
  await sleep(50)
  assert.equal(await scene.markerAt(), 1, 'what is stored is not complete')
  await complete()
  await until(() => scene.standby.checkpoint === 2)
  assert.deepEqual(await scene.contents(), { b: '1', c: '2' })
  assert.equal(await scene.markerAt(), 2)
  const newest = await scene.storage.get('m2').then((bytes) => JSON.parse(bytes.toString()).chains[TASK][1].bytes)
  assert.equal(scene.statistics.fetchedBytes - first, newest)
  assert.deepEqual({ ...scene.statistics, fetchedBytes: 0 }, { ...noStandby(), tasks: 1, checkpoint: 2 })
  await scene.close()
})

test('a copy whose change the end of the epoch has cut short is gone on with from there', async () => {
  const scene = await Scene.open()
  await scene.complete({ a: '1' })
  scene.standby.start()
  await until(() => scene.standby.checkpoint === 1)
  scene.storage.gate = new Promise(() => {})
  await scene.complete({ a: '2', b: '2' })
  await until(() => scene.statistics.lagBytes > 0)
  assert.equal(scene.statistics.lagCheckpoints, 1)
  await scene.close()
  assert.deepEqual(await scene.contents(), { a: '1' })
  const marker = (await scene.backend.markers()).get(TASK)
  assert.deepEqual([marker?.checkpoint, marker?.since], [2, 1])
})

test('a first copy that is cut short is of no checkpoint', async () => {
  const scene = await Scene.open()
  await scene.complete({ a: '1' })
  scene.storage.gate = new Promise(() => {})
  scene.standby.start()
  await until(() => scene.statistics.lagBytes > 0)
  await sleep(20)
  await scene.close()
  assert.equal(await scene.markerAt(), -1)
})

test('a checkpoint that cannot be read is passed over for the next', async () => {
  const scene = await Scene.open()
  await scene.complete({ a: '1' })
  const complete = await scene.store({ b: '2' })
  await scene.storage.delete(['m2'])
  scene.standby.start()
  await until(() => scene.standby.checkpoint === 1)
  await complete()
  await until(() => scene.statistics.failures === 1)
  assert.equal(await scene.markerAt(), 1)
  await scene.complete({ c: '3' })
  await until(() => scene.standby.checkpoint === 3)
  assert.deepEqual(await scene.contents(), { a: '1', b: '2', c: '3' })
  await scene.close()
})
