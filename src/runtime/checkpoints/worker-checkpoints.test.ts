/** A worker's part in checkpoints, step by step: everything around it is played, and answers when the test says so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WorkerManifest } from '../../checkpoint/manifest.ts'
import type { CheckpointCompleted } from '../../checkpoint/protocol/control-records.ts'
import { systemClock } from '../../common/clock.ts'
import { isMillraceError } from '../../common/errors.ts'
import { silentLogger } from '../../common/logger.ts'
import type { CommitOutcome, Committable } from '../../ports/transactional-sink.ts'
import { MemoryStorage } from '../../testing/memory-storage.ts'
import { type WorkerCheckpointParts, WorkerCheckpoints } from './worker-checkpoints.ts'

/** What is asked for by name, and answered later. */
class Waiting<T> {
  private readonly asked = new Map<string, PromiseWithResolvers<T>>()

  ask(name: string): Promise<T> {
    return this.of(name).promise
  }

  async answer(name: string, value: T): Promise<void> {
    this.of(name).resolve(value)
    await settled()
  }

  private of(name: string): PromiseWithResolvers<T> {
    const known = this.asked.get(name) ?? Promise.withResolvers<T>()
    this.asked.set(name, known)
    return known
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

class Scene {
  readonly done: string[] = []
  readonly acks: WorkerManifest[] = []
  readonly failures: Error[] = []
  readonly prepared = new Waiting<Committable | null>()
  readonly flushed = new Waiting<void>()
  readonly barriers = new Waiting<Record<string, Record<number, number>>>()
  readonly triggered = new Waiting<void>()
  readonly commits = new Waiting<CommitOutcome>()
  /** Whether acks are valid. */
  isValid = true
  readonly checkpoints: WorkerCheckpoints
  private cuts = 0

  constructor() {
    const parts = {
      applicationId: 'app',
      epoch: 5,
      worker: 'a',
      workerIndex: 0,
      clock: systemClock,
      logger: silentLogger,
      state: {
        entryCount: 0,
        seal: () => ({ entryCount: 0 }),
        flush: async (_: unknown, { checkpoint }: { checkpoint: number }) => void this.done.push(`backend ${checkpoint}`),
      },
      storage: new MemoryStorage(),
      participants: [
        {
          name: 'p',
          cut: () => this.prepared.ask(`${++this.cuts}`),
          commit: ({ id }: Committable) => {
            this.done.push(`commit ${id}`)
            return this.commits.ask(id)
          },
        },
      ],
      compaction: null,
      standby: null,
      writer: { producerId: 7, appendToAll: () => this.barriers.ask(`${this.cuts + 1}`) },
      watermark: () => 0,
      flushSinks: () => this.flushed.ask(`${this.cuts}`),
      positions: () => ({ sources: {}, exchanges: {}, watermarks: {} }),
      whenTriggered: (checkpoint: number) => this.triggered.ask(`${checkpoint}`),
      publishPositions: async () => {},
      acknowledge: async (_: number, manifest: WorkerManifest) => {
        this.acks.push(manifest)
        return this.isValid
      },
      decline: async () => assert.fail('nothing is declined'),
      onCommitted: async () => {},
      fail: (error: Error) => this.failures.push(error),
      observePause() {},
    }
    this.checkpoints = new WorkerCheckpoints(parts as unknown as WorkerCheckpointParts)
  }

  /** All that an ack waits for. */
  readonly answers = [
    (n: string) => this.prepared.answer(n, { id: `t${n}` }),
    (n: string) => this.flushed.answer(n, undefined),
    (n: string) => this.barriers.answer(n, { x: { 0: 10 } }),
    (n: string) => this.triggered.answer(n, undefined),
  ]

  /** Cut, and acknowledged. */
  async prepare(checkpoint: number): Promise<WorkerManifest> {
    this.checkpoints.cut(checkpoint, 'periodic')
    for (const answer of this.answers) await answer(`${checkpoint}`)
    return this.acks.at(-1) ?? assert.fail('it has acknowledged')
  }

  complete(checkpoint: number): Promise<void> {
    const completed: CheckpointCompleted = { type: 'checkpoint-completed', epoch: 5, checkpoint, path: '', sha256: '' }
    return this.checkpoints.onCompleted(completed)
  }
}

const listed = ({ committables }: WorkerManifest) => committables.map(({ committable }) => committable.id)
const COMMITTED = { kind: 'committed' } as const

test('it acknowledges when all output and all barriers are, and the trigger is read; whatever comes last', async () => {
  const count = new Scene().answers.length
  for (let last = 0; last < count; last++) {
    const scene = new Scene()
    scene.checkpoints.cut(1, 'periodic')
    for (const [i, answer] of scene.answers.entries()) if (i !== last) await answer('1')
    assert.equal(scene.acks.length, 0, `${last} is waited for`)
    await scene.answers[last]?.('1')
    assert.deepEqual(scene.acks.map(listed), [['t1']])
  }
})

test('acks come in the order of the cuts, and list what is not known to be committed, oldest first', async () => {
  const scene = new Scene()
  scene.checkpoints.cut(1, 'periodic')
  scene.checkpoints.cut(2, 'periodic')
  for (const answer of scene.answers) await answer('2')
  assert.equal(scene.acks.length, 0)
  for (const answer of scene.answers) await answer('1')
  assert.deepEqual(scene.acks.map(listed), [['t1'], ['t1', 't2']])
})

test('checkpoints are finished one after another: committed, then in the backend', async () => {
  const scene = new Scene()
  await scene.prepare(1)
  await scene.prepare(2)
  const finishing = [scene.complete(1), scene.complete(2)]
  await scene.commits.answer('t2', COMMITTED)
  assert.deepEqual(scene.done, ['commit t1'])
  await scene.commits.answer('t1', COMMITTED)
  await Promise.all(finishing)
  assert.deepEqual(scene.done, ['commit t1', 'backend 1', 'commit t2', 'backend 2'])
})

test('what was committed is told until an ack that tells it is valid', async () => {
  const scene = new Scene()
  await scene.prepare(1)
  const finishing = scene.complete(1)
  await scene.commits.answer('t1', COMMITTED)
  await finishing
  scene.isValid = false
  assert.deepEqual((await scene.prepare(2)).committed, ['t1'])
  scene.isValid = true
  assert.deepEqual((await scene.prepare(3)).committed, ['t1'])
  assert.deepEqual((await scene.prepare(4)).committed, [])
})

test('behind a lost transaction nothing is committed, and the epoch fails', async () => {
  const scene = new Scene()
  await scene.prepare(1)
  await scene.prepare(2)
  const finishing = scene.complete(2)
  await scene.commits.answer('t1', { kind: 'lost', reason: 'it expired' })
  await finishing
  assert.deepEqual(scene.done, ['commit t1'])
  assert.ok(isMillraceError(scene.failures[0], 'MR_TRANSACTION_ABORTED'))
})

test('of an epoch that has ended nothing is acknowledged, and nothing comes into the backend', async () => {
  const scene = new Scene()
  await scene.prepare(1)
  const finishing = scene.complete(1)
  scene.checkpoints.cut(2, 'periodic')
  await scene.checkpoints.abandon()
  await scene.commits.answer('t1', COMMITTED)
  await finishing
  for (const answer of scene.answers) await answer('2')
  assert.deepEqual(scene.done, ['commit t1'])
  assert.equal(scene.acks.length, 1)
})
