/**
 * The transactions of one worker (R22 to R25 of docs/protocol.md). Its transactional ids are slots, `<app>.<worker>.<slot>`, used in turn;
 * all exactly-once sinks of the worker write into the one that is current. One more id, `<app>.salvage`, is that of the
 * leader for what it salvages in recovery.
 *
 *     free (epoch raised) ──cut──→ current ──cut──→ prepared ──commit──→ committed ──raise the epoch──→ free
 *
 * Invariants:
 * - an identity (transactional id, producer id, epoch) is used for one transaction, ever (R22): a slot is free only
 *   after InitProducerId has raised its epoch;
 * - a worker aborts no transaction (R28): the leader does in recovery, by fencing, and behind a lost one;
 * - commits are asked for by the stored identity, so any process can do them.
 */
import { assert, defined } from '../../../src/common/assert.ts'
import { isMillraceError, toError } from '../../../src/common/errors.ts'
import type { Logger } from '../../../src/common/logger.ts'
import type {
  CommitOutcome,
  Committable,
  FreshIdentities,
  SalvagedPart,
  TransactionParticipant,
} from '../../../src/ports/transactional-sink.ts'
import type { ClusterAccess } from '../client/cluster-access.ts'
import { ProducerIdentity } from '../client/producer.ts'
import type { ProducerSpan } from '../client/producer-span.ts'
import type { Sender } from '../client/sender.ts'
import { endTxn, initProducerId, type ProducerIdAndEpoch } from '../client/transactions.ts'
import type { KafkaCommittable } from './kafka-committable.ts'
import type { KafkaOutput } from './plain-output.ts'
import { committableOf, salvagePart } from './salvage.ts'
import { awaitOutcome, type LoggedOutcome, outcomeUnknown } from './transaction-outcome.ts'

export interface KafkaTransactionsParts {
  readonly client: ClusterAccess
  readonly sender: Sender
  readonly applicationId: string
  readonly workerIndex: number
  readonly slots: number
  readonly transactionTimeoutMs: number
  /** What a topic takes at most as one batch. */
  readonly maxBatchBytes: (topic: string) => Promise<number>
  readonly logger: Logger
  readonly fail: (error: Error) => void
}

/** One being written, one prepared. */
const LEAST_SLOTS = 2

export class KafkaTransactions implements TransactionParticipant, KafkaOutput {
  readonly name = 'kafka'
  readonly slots: number
  readonly sender: Sender
  private readonly parts: KafkaTransactionsParts
  /** Identities that no transaction has used yet. */
  private free: ProducerIdentity[] = []
  private current: ProducerSpan | undefined
  private available: PromiseWithResolvers<void> | undefined
  private givenUp = 0
  private isClosed = false

  constructor(parts: KafkaTransactionsParts) {
    this.parts = parts
    this.slots = parts.slots
    this.sender = parts.sender
  }

  get isExhausted(): boolean {
    return this.free.length === 0
  }

  whenAvailable(): Promise<void> {
    if (!this.isExhausted) return Promise.resolve()
    this.available ??= Promise.withResolvers()
    return this.available.promise
  }

  async settle(committable: Committable): Promise<CommitOutcome> {
    const outcome = await this.end(committable as KafkaCommittable, 'commit')
    // Only what is known to be aborted may be written again.
    if (outcome.kind === 'gone') throw outcomeUnknown(committable as KafkaCommittable)
    return outcome
  }

  async abandon(committable: Committable): Promise<void> {
    const outcome = await this.end(committable as KafkaCommittable, 'abort')
    assert(outcome.kind !== 'committed', `nothing is committed behind a lost transaction, and ${committable.id} is`)
  }

  async salvage(lost: Committable): Promise<SalvagedPart> {
    const { sender, parts } = this
    const committable = lost as KafkaCommittable
    for (const topic of new Set(committable.ranges.map((range) => range.topic))) {
      sender.limitBatchBytes(topic, await parts.maxBatchBytes(topic))
    }
    const id = this.salvageId
    const identity = async () => new ProducerIdentity(id, await this.raise(id))
    return salvagePart({ client: parts.client, sender, identity }, committable)
  }

  async fence(workers: number, slots: number): Promise<FreshIdentities> {
    const ids = [this.salvageId]
    for (let worker = 0; worker < workers; worker++) {
      for (let slot = 0; slot < slots; slot++) ids.push(this.transactionalId(worker, slot))
    }
    return Object.fromEntries(await Promise.all(ids.map(async (id) => [id, await this.raise(id)] as const)))
  }

  begin(fresh: FreshIdentities): void {
    const ids = Array.from({ length: this.slots }, (_, slot) => this.transactionalId(this.parts.workerIndex, slot))
    // Not raised again: a worker of an older epoch that wakes here would take them from a newer one.
    this.free = ids.map((id) => new ProducerIdentity(id, defined(fresh[id], `identity of ${id}`) as ProducerIdAndEpoch))
    this.turnToNext()
  }

  async cut(): Promise<Committable | null> {
    const ending = this.current
    assert(ending !== undefined, 'a transaction is open from begin on')
    this.turnToNext()
    const ranges = await ending.flushed
    const { identity } = ending
    if (ranges.length === 0) {
      // Nothing was sent, so the identity is as fresh as before.
      this.release(identity)
      return null
    }
    return committableOf(identity, ranges)
  }

  async commit(committable: Committable): Promise<CommitOutcome> {
    const { transactionalId, producerId, producerEpoch } = committable as KafkaCommittable
    const outcome = await this.end(committable as KafkaCommittable, 'commit')
    if (outcome.kind === 'committed') {
      // Whoever comes next has fenced the slot, or will.
      if (this.isClosed) return outcome
      // In the background: the next cut has other slots to turn to.
      this.raise(transactionalId, { producerId, producerEpoch }).then(
        (raised) => this.release(new ProducerIdentity(transactionalId, raised)),
        (error) => this.giveUp(transactionalId, toError(error)),
      )
      return outcome
    }
    // Recovery finds out whether its records are left.
    return outcome.kind === 'gone' ? { kind: 'lost', reason: 'its records are deleted' } : outcome
  }

  /** The cut does it. */
  async flush(): Promise<void> {}

  async close(): Promise<void> {
    this.isClosed = true
  }

  private release(identity: ProducerIdentity): void {
    this.free.push(identity)
    this.available?.resolve()
    this.available = undefined
  }

  /**
   * A raise is refused as stale where a newer epoch has fenced the slot, whose claim ends this one in a moment; and where
   * an earlier try of it was carried out but its coordinator restarted before it answered, which forgets the epoch before
   * (seen on 4.1.0). Asking for the slot again without the known epoch could take it from a newer epoch: it is left alone
   * until the next start.
   */
  private giveUp(transactionalId: string, error: Error): void {
    if (this.isClosed) return
    const slots = this.slots - ++this.givenUp
    if (isMillraceError(error, 'MR_KAFKA_PRODUCER_FENCED') && slots >= LEAST_SLOTS) {
      this.parts.logger.warn('transaction-slot-given-up', { transactionalId, slots, error: error.message })
    } else {
      this.parts.fail(error)
    }
  }

  private turnToNext(): void {
    const next = this.free.shift()
    assert(next !== undefined, 'the loop waits while no transaction is free')
    this.current = this.sender.use(next)
  }

  private async end(committable: KafkaCommittable, how: 'commit' | 'abort'): Promise<LoggedOutcome> {
    const { client } = this.parts
    const { transactionalId, producerId, producerEpoch } = committable
    const answer = await endTxn(client, { transactionalId, producerId, producerEpoch }, how)
    if (answer.kind === 'committed') return { kind: 'committed' }
    if (answer.kind === 'aborted') return { kind: 'lost', reason: 'it was aborted behind a lost one' }
    // Ended long ago and the slot used again, or expired: only the log knows (R25).
    return awaitOutcome(client, committable, answer.kind)
  }

  private raise(transactionalId: string, known?: ProducerIdAndEpoch): Promise<ProducerIdAndEpoch> {
    const { client, transactionTimeoutMs } = this.parts
    return initProducerId(client, transactionalId, { transactionTimeoutMs, ...(known === undefined ? {} : { known }) })
  }

  private transactionalId(worker: number, slot: number): string {
    return `${this.parts.applicationId}.${worker}.${slot}`
  }

  private get salvageId(): string {
    return `${this.parts.applicationId}.salvage`
  }
}
