/** Generated payments, how they get into a topic, and what must come out of the count job for them. */
import { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { ProducerIdentity } from '../../connectors/kafka/client/producer.ts'
import { Sender } from '../../connectors/kafka/client/sender.ts'
import { initProducerId } from '../../connectors/kafka/client/transactions.ts'
import { murmur2Latin1, partitionForKey } from '../../src/common/murmur2.ts'
import type { CommittedRecord } from '../support/read-committed.ts'

export interface Payment {
  readonly key: string
  readonly amount: number
}

/** The same for the same seed. Amounts are whole, so that sums are exact. */
export function* payments(count: number, keys: number, seed = 1): Generator<Payment> {
  let state = seed >>> 0
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state
  }
  for (let i = 0; i < count; i++) yield { key: `k${(random() >>> 8) % keys}`, amount: (random() >>> 16) % 1000 }
}

/** Writes payments, keyed, as the Java client would place them; all acknowledged when it resolves. */
export class PaymentWriter {
  private readonly client: KafkaClient
  private readonly sender: Sender
  private readonly identity: ProducerIdentity
  private readonly topic: string
  private readonly partitions: number

  private constructor(client: KafkaClient, identity: ProducerIdentity, topic: string, partitions: number) {
    this.client = client
    this.sender = new Sender(client)
    this.identity = identity
    this.topic = topic
    this.partitions = partitions
  }

  static async open(bootstrap: string, topic: string): Promise<PaymentWriter> {
    const client = await KafkaClient.connect({ brokers: [bootstrap] })
    const { partitions } = await client.topic(topic)
    const identity = new ProducerIdentity(null, await initProducerId(client, null))
    return new PaymentWriter(client, identity, topic, partitions.length)
  }

  async write(batch: Iterable<Payment>): Promise<void> {
    const span = this.sender.use(this.identity)
    const now = Date.now()
    for (const { key, amount } of batch) {
      const partition = partitionForKey(murmur2Latin1(key), this.partitions)
      this.sender.builder(this.topic, partition).appendText(now, key, JSON.stringify({ amount }))
    }
    this.sender.end()
    await span.flushed
  }

  close(): void {
    this.sender.close()
    this.client.close()
  }
}

export interface Verdict {
  readonly updates: number
  readonly missing: number
  readonly doubled: number
  readonly wrong: number
  readonly example: string | undefined
}

/** Holds every update of every key against the model: count 1, 2, 3 …, each with the right sum, once and in order. */
export function judge(input: Iterable<Payment>, output: readonly CommittedRecord[]): Verdict {
  const byKey = Map.groupBy(output, (record) => record.key!.toString())
  let missing = 0
  let doubled = 0
  let wrong = 0
  let example: string | undefined
  const sums = new Map<string, number[]>()
  for (const { key, amount } of input) {
    const list = sums.get(key) ?? []
    sums.set(key, list)
    list.push((list.at(-1) ?? 0) + amount)
  }
  for (const key of byKey.keys()) if (!sums.has(key)) sums.set(key, [])
  for (const [key, expected] of sums) {
    const rows = (byKey.get(key) ?? []).map((record) => JSON.parse(record.value!.toString()) as { count: number; sum: number })
    const seen = new Set<number>()
    let last = 0
    for (const { count, sum } of rows) {
      if (seen.has(count)) doubled++
      else if (count !== last + 1 || sum !== expected[count - 1]) wrong++
      else {
        seen.add(count)
        last = count
        continue
      }
      example ??= `key ${key}: after count ${last} came count ${count}, sum ${sum}`
      seen.add(count)
      last = count
    }
    missing += expected.filter((_, i) => !seen.has(i + 1)).length
    if (seen.size < expected.length) example ??= `key ${key}: ${rows.length} of ${expected.length} updates`
  }
  return { updates: output.length, missing, doubled, wrong, example }
}
