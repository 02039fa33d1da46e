/** A transactional sink in memory: what was committed, in order of commit. Outlives the workers that write to it. */
import { assert } from '../common/assert.ts'
import type {
  CommitOutcome,
  Committable,
  OpenedSink,
  SalvagedPart,
  Sink,
  TransactionParticipant,
} from '../ports/transactional-sink.ts'

/** So few that tests see parts. */
const SALVAGED_AT_ONCE = 2

interface Transaction {
  readonly id: string
  readonly values: unknown[]
  state: 'open' | 'committed' | 'aborted'
}

export class MemorySink<T> implements Sink<T> {
  readonly description = 'memory'
  readonly delivery = 'exactly-once'
  /** What read_committed readers see. */
  readonly committed: T[] = []
  readonly transactions = new Map<string, Transaction>()
  private nextId = 0

  async open(): Promise<OpenedSink<T>> {
    const participant = new MemoryTransactions(this)
    return {
      participant,
      writer: {
        usesRecordKey: false,
        write: (value) => participant.current.values.push(value),
        backPressure: () => null,
        async flush() {},
        async close() {},
      },
    }
  }

  begin(): Transaction {
    const transaction: Transaction = { id: `tx-${this.nextId++}`, values: [], state: 'open' }
    this.transactions.set(transaction.id, transaction)
    return transaction
  }

  commit(id: string): CommitOutcome {
    const transaction = this.transactions.get(id)
    if (transaction === undefined || transaction.state === 'aborted') return { kind: 'lost', reason: `${id} was aborted` }
    if (transaction.state === 'open') this.committed.push(...(transaction.values as T[]))
    transaction.state = 'committed'
    return { kind: 'committed' }
  }

  abort(id: string): void {
    const transaction = this.transactions.get(id)
    if (transaction?.state === 'open') transaction.state = 'aborted'
  }

  /** A rest is a transaction of its own here, which was aborted. */
  salvage({ id }: Committable): SalvagedPart {
    const lost = this.transactions.get(id)
    assert(lost?.state === 'aborted', 'only what was aborted is salvaged')
    const done = this.begin()
    done.values.push(...lost.values.slice(0, SALVAGED_AT_ONCE))
    const left = lost.values.slice(SALVAGED_AT_ONCE)
    if (left.length === 0) return { done: { id: done.id }, rest: null }
    const rest = this.begin()
    rest.values.push(...left)
    rest.state = 'aborted'
    return { done: { id: done.id }, rest: { id: rest.id } }
  }

  /** What fencing does to everything that is not committed. */
  abortOpen(): void {
    for (const transaction of this.transactions.values()) if (transaction.state === 'open') transaction.state = 'aborted'
  }
}

class MemoryTransactions<T> implements TransactionParticipant {
  readonly name = 'memory'
  readonly slots = 6
  readonly isExhausted = false
  async whenAvailable() {}
  current: Transaction = { id: '', values: [], state: 'aborted' }
  private readonly sink: MemorySink<T>

  constructor(sink: MemorySink<T>) {
    this.sink = sink
  }

  async settle({ id }: Committable): Promise<CommitOutcome> {
    return this.sink.commit(id)
  }

  async abandon({ id }: Committable): Promise<void> {
    this.sink.abort(id)
  }

  async salvage(lost: Committable): Promise<SalvagedPart> {
    return this.sink.salvage(lost)
  }

  async fence() {
    this.sink.abortOpen()
    return {}
  }

  begin() {
    this.current = this.sink.begin()
  }

  async cut(): Promise<Committable | null> {
    const ending = this.current
    this.current = this.sink.begin()
    return ending.values.length === 0 ? null : { id: ending.id }
  }

  async commit({ id }: Committable): Promise<CommitOutcome> {
    return this.sink.commit(id)
  }

  async close() {}
}
