import assert from 'node:assert/strict'
import { test } from 'node:test'
import { composeMetadata } from '../checkpoint/compose.ts'
import { manifestWith } from '../checkpoint/manifest.fixture.ts'
import { checkpointPath, encodeMetadata } from '../checkpoint/metadata.ts'
import type { ControlRecord } from '../checkpoint/protocol/control-records.ts'
import { defined } from '../common/assert.ts'
import type { MillraceError } from '../common/errors.ts'
import { silentLogger } from '../common/logger.ts'
import type { Exchange, ExchangeTopic } from '../ports/exchange.ts'
import type { FirstStart } from '../ports/source.ts'
import type { TransactionParticipant } from '../ports/transactional-sink.ts'
import { MemoryControlLog } from '../testing/memory-control-log.ts'
import { MemorySink } from '../testing/memory-sink.ts'
import { MemoryStorage } from '../testing/memory-storage.ts'
import type { EpochParts } from './epoch-parts.ts'
import { LogFollower } from './log-follower.ts'
import { recover } from './recovery.ts'
import type { TaskPlan } from './task-plan.ts'

const APP = 'app'
const EXCHANGE: ExchangeTopic = { exchange: 'x', topic: 'app.exchange.x', identity: 'x 1', partitions: 1 }

/** What a recovery finds: by default what there always was. */
interface Found {
  readonly identity?: string
  readonly source?: string
  readonly exchanges?: readonly ExchangeTopic[]
}

/** What outlives leaders: the log, the storage and the sink. */
class Scene {
  readonly log = new MemoryControlLog()
  readonly storage = new MemoryStorage()
  readonly sink = new MemorySink<number>()
  private readonly follower = new LogFollower(this.log)

  async begin(): Promise<this> {
    await this.follower.start()
    return this
  }

  async append(record: ControlRecord): Promise<void> {
    assert.deepEqual(await this.follower.append([record]), [true], `${record.type} is valid`)
  }

  async claim(): Promise<number> {
    const previousEpoch = this.follower.view.epoch
    const facts = { graphDigest: '', workers: 1, slots: 1, at: '' }
    await this.append({ type: 'epoch-claimed', nonce: '', previousEpoch, members: [], assignment: {}, ...facts })
    return this.follower.view.epoch
  }

  /** One recovery: what the log says afterwards of where the source goes on. */
  async recover(
    partitions: readonly FirstStart[],
    { identity = 'topic 1', source = 'in', exchanges = [EXCHANGE] }: Found = {},
  ): Promise<Readonly<Record<string, number>>> {
    const { follower, storage } = this
    const { view } = follower
    const epoch = await this.claim()
    const plan: TaskPlan = { sources: new Map([[source, { identity, partitions }]]), exchanges: [], tasks: [] }
    const stages = [{ input: { kind: 'source', name: source, source: { description: 'a topic' } } }]
    const parts = { follower, storage, applicationId: APP, logger: silentLogger, session: { plan }, stages }
    const { participant } = await this.sink.open()
    const sinks = { all: [], byName: new Map(), participants: [defined<TransactionParticipant>(participant, 'participant')] }
    const exchange = { prepare: async () => exchanges } as unknown as Exchange
    await recover(parts as unknown as EpochParts, { epoch, sinks, exchange, signal: new AbortController().signal })
    return view.recovered?.sources[source]?.positions ?? assert.fail('it has recovered')
  }

  /** Completes a checkpoint of the running epoch, with a prepared transaction. */
  async complete(checkpoint: number, ...values: number[]): Promise<void> {
    const { view } = this.follower
    const { epoch } = view
    const transaction = this.sink.begin()
    transaction.values.push(...values)
    const path = checkpointPath(APP, checkpoint, epoch)
    const committables = [{ participant: 'memory', committable: { id: transaction.id } }]
    const { bytes, sha256 } = encodeMetadata(
      composeMetadata({
        applicationId: APP,
        checkpoint,
        epoch,
        kind: 'periodic',
        triggeredAtMs: 0,
        completedAtMs: 0,
        graphDigest: '',
        states: [],
        sources: { in: { identity: 'topic 1', positions: { 0: 10 * checkpoint } } },
        exchanges: [EXCHANGE],
        manifests: [manifestWith({ committables })],
        previous: null,
      }),
    )
    await this.storage.put(path, [bytes])
    if (view.started === undefined) await this.append({ type: 'epoch-started', epoch, at: '' })
    await this.append({ type: 'checkpoint-triggered', epoch, checkpoint, kind: 'periodic' })
    await this.append({ type: 'checkpoint-completed', epoch, checkpoint, path, sha256 })
  }

  rewind(checkpoint: number): Promise<void> {
    return this.append({ type: 'restored-to', epoch: this.follower.view.epoch, checkpoint })
  }

  end(): Promise<void> {
    return this.follower.stop()
  }
}

const at = (partition: number, position: number, first = 0): FirstStart => ({ partition, position, first })

test('where a source begins is settled once: what is latest later counts no more', async () => {
  const scene = await new Scene().begin()
  assert.deepEqual(await scene.recover([at(0, 100)]), { 0: 100 })
  // It died before its first checkpoint.
  assert.deepEqual(await scene.recover([at(0, 150)]), { 0: 100 })
  await scene.end()
})

test('a partition that has come since is read from its first record', async () => {
  const scene = await new Scene().begin()
  assert.deepEqual(await scene.recover([at(0, 100)]), { 0: 100 })
  assert.deepEqual(await scene.recover([at(0, 150), at(1, 70, 3)]), { 0: 100, 1: 3 })
  await scene.end()
})

test('a topic that was deleted and made anew under its name is refused', async () => {
  const scene = await new Scene().begin()
  await scene.recover([at(0, 100)])
  await assert.rejects(scene.recover([at(0, 0)], { identity: 'topic 2' }), { code: 'MR_SOURCE_REPLACED' })
  await scene.end()
})

test('behind a rewind the transactions of the last completed checkpoint are settled, and positions are the older one’s', async () => {
  const scene = await new Scene().begin()
  await scene.recover([at(0, 0)])
  await scene.complete(1, 1)
  await scene.complete(2, 2)
  await scene.rewind(1)
  assert.deepEqual(await scene.recover([at(0, 0)]), { 0: 10 })
  assert.ok(scene.sink.committed.includes(2), 'it was complete, and somebody may have seen it')
  await scene.end()
})

test('an exchange whose topic was made anew, or that the job has no more, is refused: records of it are in flight', async () => {
  const scene = await new Scene().begin()
  await scene.recover([at(0, 0)])
  await scene.complete(1)
  const anew = [{ ...EXCHANGE, identity: 'x 2' }]
  await assert.rejects(scene.recover([at(0, 0)], { exchanges: anew }), { code: 'MR_EXCHANGE_REPLACED' })
  await assert.rejects(scene.recover([at(0, 0)], { exchanges: [] }), { code: 'MR_SOURCE_UNCLAIMED' })
  assert.deepEqual(await scene.recover([at(0, 0)]), { 0: 10 })
  await scene.end()
})

test('a checkpoint with positions of a source that the job has no more is refused', async () => {
  const scene = await new Scene().begin()
  await scene.recover([at(0, 0)])
  await scene.complete(1)
  await assert.rejects(scene.recover([at(0, 0)], { source: 'renamed' }), { code: 'MR_SOURCE_UNCLAIMED' })
  await scene.end()
})

test('behind a rewind from a checkpoint that cannot be read, the transactions of the older one are settled', async () => {
  const scene = await new Scene().begin()
  await scene.recover([at(0, 0)])
  await scene.complete(1, 1)
  await scene.complete(2, 2)
  await scene.storage.delete([checkpointPath(APP, 2, 0)])
  await assert.rejects(scene.recover([at(0, 0)]), (error: MillraceError) => {
    assert.equal(error.code, 'MR_STORAGE_NOT_FOUND')
    assert.match(
      error.message,
      /^checkpoint 2 cannot be restored: .*0000000002-e0.* is not there; the newest older checkpoint that is whole is 1 of \S+: 1 completed checkpoints back$/,
    )
    assert.match(error.remedy, /millrace rewind app --to-checkpoint 1$/)
    return true
  })
  await scene.rewind(1)
  assert.deepEqual(await scene.recover([at(0, 0)]), { 0: 10 })
  assert.ok(scene.sink.committed.includes(1))
  assert.ok(!scene.sink.committed.includes(2), 'what it was made from is processed again')
  await scene.end()
})
