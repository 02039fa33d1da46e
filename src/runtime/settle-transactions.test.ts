import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CheckpointMetadata } from '../checkpoint/metadata.ts'
import { type ControlRecord, encodeControlRecord } from '../checkpoint/protocol/control-records.ts'
import { isMillraceError } from '../common/errors.ts'
import { silentLogger } from '../common/logger.ts'
import type { TransactionParticipant } from '../ports/transactional-sink.ts'
import { MemoryControlLog } from '../testing/memory-control-log.ts'
import { MemorySink } from '../testing/memory-sink.ts'
import { appendOne, LogFollower } from './log-follower.ts'
import { settleTransactions } from './settle-transactions.ts'

class Killed extends Error {}

/** What outlives a leader: the log, the sink, and what the restore point lists of one worker. */
class World {
  readonly log = new MemoryControlLog()
  readonly sink = new MemorySink<number>()
  readonly listed: string[] = []

  /** A prepared transaction of a completed checkpoint. */
  prepared(...values: number[]): this {
    const transaction = this.sink.begin()
    transaction.values.push(...values)
    this.listed.push(transaction.id)
    return this
  }

  expire(...indexes: number[]): this {
    for (const index of indexes) this.sink.abort(this.listed[index] ?? assert.fail())
    return this
  }

  /** One recovery: claims an epoch and settles. `steps` names what dies: the n-th call of a method of the participant. */
  async recover(dies: Partial<Record<'salvage' | 'settle', number>> = {}): Promise<readonly string[]> {
    const follower = new LogFollower(this.log)
    try {
      await follower.start()
      await appendOne(follower, claimBehind(follower.view.epoch))
      const { participant } = await this.sink.open()
      assert.ok(participant)
      const participants = [dying(participant, dies)]
      const { settled } = await settleTransactions(follower, follower.view.epoch, this.metadata(), participants, silentLogger)
      return [...settled]
    } finally {
      await follower.stop()
    }
  }

  metadata(): CheckpointMetadata {
    const committables = this.listed.map((id) => ({ participant: 'memory', committable: { id } }))
    return { committables: { a: committables } } as unknown as CheckpointMetadata
  }
}

/** Only what the view needs of a claim. */
function claimBehind(previousEpoch: number): ControlRecord {
  const claim = {
    type: 'epoch-claimed',
    nonce: '',
    previousEpoch,
    members: [],
    assignment: {},
    graphDigest: '',
    workers: 1,
    slots: 1,
    at: '',
  }
  return claim as unknown as ControlRecord
}

/** Dies behind the n-th call: it has been carried out, and nobody knows. */
function dying(real: TransactionParticipant, at: Partial<Record<'salvage' | 'settle', number>>): TransactionParticipant {
  const calls = { salvage: 0, settle: 0 }
  return new Proxy(real, {
    get(target, name) {
      const value = Reflect.get(target, name)
      if (name !== 'salvage' && name !== 'settle') return typeof value === 'function' ? value.bind(target) : value
      return async (...args: unknown[]) => {
        const result = await value.apply(target, args)
        if (++calls[name] === at[name]) throw new Killed()
        return result
      }
    },
  })
}

describe('settling the transactions of the restore point', () => {
  test('commits what is prepared, oldest first, and fences the rest', async () => {
    const world = new World().prepared(1, 2).prepared(3)
    const other = world.sink.begin()
    assert.deepEqual(await world.recover(), world.listed)
    assert.deepEqual(world.sink.committed, [1, 2, 3])
    // By itself: what is fenced before it is settled comes out right too, written once more.
    for (const id of world.listed) assert.equal(world.sink.transactions.get(id)?.state, 'committed')
    assert.equal(other.state, 'aborted')
  })

  test('salvages a lost one and all behind it, in parts, in their order', async () => {
    const world = new World().prepared(1).prepared(2, 3, 4, 5, 6).prepared(7).expire(1)
    assert.deepEqual(await world.recover(), world.listed)
    assert.deepEqual(world.sink.committed, [1, 2, 3, 4, 5, 6, 7])
    const [, lost, behind] = world.listed
    assert.equal(world.sink.transactions.get(lost ?? '')?.state, 'aborted')
    assert.equal(world.sink.transactions.get(behind ?? '')?.state, 'aborted', 'what stood behind it is never committed itself')
  })

  for (const method of ['salvage', 'settle'] as const) {
    for (const at of [1, 2, 3]) {
      test(`goes on where a leader died behind its ${method} number ${at}`, async () => {
        for (const expireBetween of [false, true]) {
          const world = new World().prepared(1, 2, 3, 4, 5).prepared(6).prepared(7, 8, 9).expire(0, 1)
          await assert.rejects(world.recover({ [method]: at }), Killed)
          if (expireBetween) world.sink.abortOpen()
          assert.deepEqual(await world.recover(), world.listed)
          assert.deepEqual(world.sink.committed, [1, 2, 3, 4, 5, 6, 7, 8, 9])
        }
      })
    }
  }

  test('asks nothing about what the log calls settled: the outside may have forgotten it', async () => {
    const world = new World().prepared(1, 2)
    const settled = await world.recover()
    const follower = new LogFollower(world.log)
    await follower.start()
    const { epoch } = follower.view
    await appendOne(follower, {
      type: 'epoch-recovered',
      epoch,
      restorePoint: null,
      settled,
      fresh: {},
      sources: {},
      exchanges: [],
    })
    await follower.stop()
    world.sink.transactions.clear()
    assert.deepEqual(await world.recover(), world.listed)
    assert.deepEqual(world.sink.committed, [1, 2])
  })

  test('fences nothing where another leader has taken over meanwhile', async () => {
    const world = new World().prepared(1)
    const follower = new LogFollower(world.log)
    await follower.start()
    await appendOne(follower, claimBehind(-1))
    const { participant } = await world.sink.open()
    assert.ok(participant)
    const other = world.sink.begin()
    const settle = participant.settle.bind(participant)
    participant.settle = async (committable) => {
      const outcome = await settle(committable)
      await world.log.append([encodeControlRecord(claimBehind(0))])
      return outcome
    }
    const settling = settleTransactions(follower, 0, world.metadata(), [participant], silentLogger)
    await assert.rejects(settling, (error) => isMillraceError(error, 'MR_SUPERSEDED'))
    assert.equal(other.state, 'open', 'it may be the other one’s')
    await follower.stop()
  })

  test('commits nothing that the log does not name: another leader has taken over', async () => {
    const world = new World().prepared(1).expire(0)
    const follower = new LogFollower(world.log)
    await follower.start()
    await appendOne(follower, claimBehind(-1))
    const { participant } = await world.sink.open()
    assert.ok(participant)
    const slow = new Proxy(participant, {
      get(target, name) {
        const value = Reflect.get(target, name)
        if (name !== 'salvage') return typeof value === 'function' ? value.bind(target) : value
        return async (...args: unknown[]) => {
          const part = await value.apply(target, args)
          await appendOne(follower, claimBehind(follower.view.epoch))
          return part
        }
      },
    })
    const metadata = { committables: { a: [{ participant: 'memory', committable: { id: world.listed[0] } }] } }
    const settling = settleTransactions(follower, 0, metadata as unknown as CheckpointMetadata, [slow], silentLogger)
    await assert.rejects(settling, (error) => isMillraceError(error, 'MR_SUPERSEDED'))
    assert.deepEqual(world.sink.committed, [])
    await follower.stop()
  })
})
