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
 * Every record gives one update; those of an account count 1, 2, 3 …, each sum is the one before and its amount; and of
 * the records of one input partition none overtakes another of its account.
 */
export function judge(written: readonly number[], accounts: number, output: readonly CommittedRecord[]): Verdict {
  const seen = written.map((count) => new Uint8Array(count))
  const last = new Map<string, { count: number; sum: number; seqs: number[] }>()
  let doubled = 0
  let wrong = 0
  let example: string | undefined
  for (const { value } of output) {
    const update = JSON.parse(value!.toString()) as Update
    const { account, count, sum, lane, seq } = update
    const before = last.get(account) ?? { count: 0, sum: 0, seqs: written.map(() => -1) }
    last.set(account, before)
    if (seen[lane]?.[seq] === 1) {
      doubled++
      example ??= `${lane}/${seq} comes twice: ${value}`
    }
    if (seen[lane] !== undefined) seen[lane][seq] = 1
    const isRight =
      account === accountOf(lane, seq, accounts) &&
      count === before.count + 1 &&
      sum === before.sum + amountOf(lane, seq) &&
      seq > before.seqs[lane]!
    if (!isRight) {
      wrong++
      example ??= `behind ${JSON.stringify(before)} of ${account} came ${value}`
    }
    before.count = count
    before.sum = sum
    before.seqs[lane] = Math.max(before.seqs[lane]!, seq)
  }
  let missing = 0
  seen.forEach((lane, index) => {
    lane.forEach((mark, seq) => {
      if (mark === 1) return
      missing++
      example ??= `${index}/${seq} of ${accountOf(index, seq, accounts)} is missing`
    })
  })
  return { updates: output.length, missing, doubled, wrong, example }
}
