/**
 * The two-phase contract of a sink: write → cut → prepare → committable in the checkpoint → commit once the
 * checkpoint is complete. One participant per worker: all Kafka sinks of a worker write into the same transaction.
 */
import type { ConnectorContext } from './connector-context.ts'

/** What is needed to commit a prepared transaction from any process, at any time. Opaque to the engine, plain JSON. */
export interface Committable {
  /** Names this transaction for ever (R22), e.g. `app.0.3:1207:5`. */
  readonly id: string
  readonly [field: string]: unknown
}

export type CommitOutcome =
  | { readonly kind: 'committed' }
  /** The outside has aborted it: the leader salvages it in the next recovery (R25, R26). */
  | { readonly kind: 'lost'; readonly reason: string }

/** Of the transactions of all workers, fenced and not used yet. Opaque to the engine, plain JSON. */
export type FreshIdentities = Readonly<Record<string, unknown>>

/** A part of a lost transaction, written again. */
export interface SalvagedPart {
  readonly done: Committable
  /** What is left of it, with an id of its own; null: nothing. */
  readonly rest: Committable | null
}

export interface TransactionParticipant {
  /** e.g. `kafka`. Committables are given back to the participant of the same name. */
  readonly name: string
  /**
   * Recovery, by the leader, before any worker writes: commits what the restore point prepared, oldest first (R24).
   * Retried inside until known.
   * @throws MR_TRANSACTION_LOST where its outcome can't be told any more
   */
  settle(committable: Committable): Promise<CommitOutcome>
  /** Recovery, behind a lost one (R26): resolves when it is certain that this one will never be committed. */
  abandon(committable: Committable): Promise<void>
  /**
   * Recovery: prepares a new transaction of bounded size that holds, unchanged and in their order, the first records of
   * a lost one, or of a rest. The caller notes both in the log, and only then settles `done` (R27).
   * @throws MR_TRANSACTION_LOST where its records are gone
   */
  salvage(lost: Committable): Promise<SalvagedPart>
  /**
   * Recovery: fences every transaction the job can ever have opened, for `workers` workers with `slots` slots each.
   * Resolves with the identities that are fresh now: they stand in the log, so that only workers of this epoch use them.
   */
  fence(workers: number, slots: number): Promise<FreshIdentities>
  /** Before the first write of an epoch: takes this worker's share of what `fence` gave (R22). Asks nobody. */
  begin(fresh: FreshIdentities): void
  /**
   * At a cut, synchronous: everything written up to now belongs to the transaction of the ending interval; what follows
   * to the next. The promise resolves when all of it is acknowledged (prepared): with null when nothing was written.
   */
  cut(): Promise<Committable | null>
  /** Commits a prepared transaction of this worker; retried inside until known. Called one at a time, oldest first (R24). */
  commit(committable: Committable): Promise<CommitOutcome>
  /** True while no transaction is free for the next interval: no cut may come, and processing waits too. */
  readonly isExhausted: boolean
  /** Resolves when it is no longer exhausted. */
  whenAvailable(): Promise<void>
  /** Slots per worker, recorded in the control log so that `fence` knows every id there can be. */
  readonly slots: number
  close(): Promise<void>
}

/** Where one sink operator writes. Hot path: `write` is synchronous and buffers. */
export interface SinkWriter<T> {
  /** Whether `write` looks at `key`: it is not made where it is not needed. */
  readonly usesRecordKey: boolean
  /** `key`: the bytes of the current record's key as a binary string, or null. */
  write(value: T, timestampMs: number, key: string | null): void
  /** Null when more may be written; else resolves when it may again. */
  backPressure(): Promise<void> | null
  /** At-least-once: resolves when all that was written is acknowledged. Exactly-once: the participant's cut does it. */
  flush(): Promise<void>
  close(): Promise<void>
}

export interface Sink<T> {
  readonly description: string
  readonly delivery: 'exactly-once' | 'at-least-once' | 'job-default'
  open(context: ConnectorContext): Promise<OpenedSink<T>>
}

export interface OpenedSink<T> {
  readonly writer: SinkWriter<T>
  /** The transactions it takes part in; the same object for all sinks that share one. Absent: at-least-once. */
  readonly participant?: TransactionParticipant
}
