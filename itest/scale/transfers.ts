/** Generated transfers, how they get into a topic, and what must come out of the re-keying job for them. */
import { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { ProducerIdentity } from '../../connectors/kafka/client/producer.ts'
import { Sender } from '../../connectors/kafka/client/sender.ts'
import { initProducerId } from '../../connectors/kafka/client/transactions.ts'
import type { CommittedRecord } from '../support/read-committed.ts'

/** The amount of a transfer follows from its place, and so does its account: the model needs no memory of the input. */
export function accountOf(lane: number, seq: number, accounts: number): string {
  return `a${(Math.imul(seq * 31 + lane, 2654435761) >>> 8) % accounts}`
}

export function amountOf(lane: number, seq: number): number {
  return (Math.imul(seq * 17 + lane, 1664525) >>> 16) % 1000
}

/** Writes transfers to all partitions in turn; all acknowledged when `write` resolves. */
export class TransferWriter {
  readonly accounts: number
  /** Records written so far, by partition. */
  readonly written: number[]
  private readonly client: KafkaClient
  private readonly sender: Sender
  private readonly identity: ProducerIdentity
  private readonly topic: string

  private constructor(client: KafkaClient, identity: ProducerIdentity, topic: string, partitions: number, accounts: number) {
    this.client = client
    this.sender = new Sender(client)
    this.identity = identity
    this.topic = topic
    this.accounts = accounts
    this.written = Array.from({ length: partitions }, () => 0)
  }

  static async open(bootstrap: string, topic: string, accounts: number): Promise<TransferWriter> {
    const client = await KafkaClient.connect({ brokers: [bootstrap] })
    const { partitions } = await client.topic(topic)
    const identity = new ProducerIdentity(null, await initProducerId(client, null))
    return new TransferWriter(client, identity, topic, partitions.length, accounts)
  }

  get total(): number {
    return this.written.reduce((sum, count) => sum + count, 0)
  }

  /** Once the topic has so many partitions, they are written to as well. */
  async spreadOver(partitions: number): Promise<void> {
    const deadline = performance.now() + 10_000
    while ((await this.client.topic(this.topic)).partitions.length < partitions) {
      if (performance.now() > deadline) throw new Error(`${this.topic} does not get ${partitions} partitions`)
    }
    while (this.written.length < partitions) this.written.push(0)
  }

  async write(count: number): Promise<void> {
    const span = this.sender.use(this.identity)
    const now = Date.now()
    for (let i = 0; i < count; i++) {
      const lane = i % this.written.length
      const seq = this.written[lane]!++
      const account = accountOf(lane, seq, this.accounts)
      const value = JSON.stringify({ account, amount: amountOf(lane, seq), lane, seq })
      this.sender.builder(this.topic, lane).appendText(now, `${lane}-${seq}`, value)
    }
    this.sender.end()
    await span.flushed
  }

  close(): void {
    this.sender.close()
    this.client.close()
  }
}

interface Update {
  readonly account: string
  readonly count: number
  readonly sum: number
  readonly lane: number
  readonly seq: number
}

export interface Verdict {
  readonly updates: number
  readonly missing: number
  readonly doubled: number
  /** Updates that don't follow from the one before, or that overtook another of their partition. */
  readonly wrong: number
  readonly example: string | undefined
}

/**
 * Holds updates against the model, as they come, each partition's in its order. Every record gives one update; those of an
 * account count 1, 2, 3 …, each sum is the one before and its amount; and of the records of one input partition none
 * overtakes another of its account.
 */
export class TransferJudge {
  /** Updates taken. */
  updates = 0
  doubled = 0
  wrong = 0
  /** The first that was doubled or wrong. */
  example: string | undefined
  private readonly accounts: number
  private readonly seen = new Map<number, Marks>()
  private readonly last = new Map<string, { count: number; sum: number; seqs: Map<number, number> }>()

  constructor(accounts: number) {
    this.accounts = accounts
  }

  take({ value, partition, offset }: Pick<CommittedRecord, 'value' | 'partition' | 'offset'>): void {
    const { account, count, sum, lane, seq } = JSON.parse(String(value)) as Update
    const before = this.last.get(account) ?? { count: 0, sum: 0, seqs: new Map<number, number>() }
    this.last.set(account, before)
    this.updates++
    if (!this.marks(lane).add(seq)) {
      this.doubled++
      this.example ??= `${lane}/${seq} comes twice, again at ${partition}/${offset}: ${value}`
    }
    const seqBefore = before.seqs.get(lane) ?? -1
    const isRight =
      account === accountOf(lane, seq, this.accounts) &&
      count === before.count + 1 &&
      sum === before.sum + amountOf(lane, seq) &&
      seq > seqBefore
    if (!isRight) {
      this.wrong++
      this.example ??= `behind count ${before.count}, sum ${before.sum} and ${lane}/${seqBefore} of ${account} came at ${partition}/${offset}: ${value}`
    }
    before.count = count
    before.sum = sum
    before.seqs.set(lane, Math.max(seqBefore, seq))
  }

  /** @param written records by partition */
  verdict(written: readonly number[]): Verdict {
    const { updates, doubled, wrong } = this
    let { example } = this
    let missing = 0
    for (const [lane, count] of written.entries()) {
      for (const seq of this.marks(lane).missingBelow(count)) {
        missing++
        example ??= `${lane}/${seq} of ${accountOf(lane, seq, this.accounts)} is missing`
      }
    }
    return { updates, missing, doubled, wrong, example }
  }

  private marks(lane: number): Marks {
    const known = this.seen.get(lane)
    if (known !== undefined) return known
    const marks = new Marks()
    this.seen.set(lane, marks)
    return marks
  }
}

/** A set of small numbers. */
class Marks {
  private bytes = new Uint8Array(1024)

  /** False: it was there. */
  add(n: number): boolean {
    if (n >= this.bytes.length) {
      const grown = new Uint8Array(Math.max(n + 1, this.bytes.length * 2))
      grown.set(this.bytes)
      this.bytes = grown
    }
    const isNew = this.bytes[n] === 0
    this.bytes[n] = 1
    return isNew
  }

  *missingBelow(end: number): Generator<number> {
    for (let n = 0; n < end; n++) if (this.bytes[n] !== 1) yield n
  }
}

/** What a perfect job comes to. */
export function perfect(written: readonly number[]): Verdict {
  const updates = written.reduce((sum, count) => sum + count, 0)
  return { updates, missing: 0, doubled: 0, wrong: 0, example: undefined }
}

export async function judge(
  written: readonly number[],
  accounts: number,
  output: Iterable<CommittedRecord> | AsyncIterable<CommittedRecord>,
): Promise<Verdict> {
  const taken = new TransferJudge(accounts)
  for await (const record of output) taken.take(record)
  return taken.verdict(written)
}
