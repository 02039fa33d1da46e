/**
 * The job that the simulated workers run: records are re-keyed over an exchange, numbered by key, and written. The number
 * that a key's record gets is how many there were before it, so a loss, a double and a step back each show.
 */
import { exchangeTopic } from '../../../connectors/kafka/exchange/exchange-topics.ts'
import { json } from '../../../connectors/kafka/serde/serdes.ts'
import { kafkaSink } from '../../../connectors/kafka/sink/kafka-sink.ts'
import { kafkaSource } from '../../../connectors/kafka/source/kafka-source.ts'
import { defineJob, type JobDefinition } from '../../api/define-job.ts'
import { valueState } from '../../api/state.ts'

export const APPLICATION = 'transfers'
export const INPUT = 'input'
export const OUTPUT = 'output'
/** The topic between the two stages. */
export const EXCHANGE = exchangeTopic(APPLICATION, 'counts-by-key')

/** A record of the input: its place in its own partition, and the key it is counted by. */
export interface Transfer {
  readonly key: string
  readonly partition: number
  readonly index: number
}

export interface Counted {
  readonly key: string
  /** From 1. */
  readonly count: number
  readonly partition: number
  readonly index: number
}

/** The state of a key. */
export interface Seen {
  readonly count: number
  /** By source partition: the last index. */
  readonly last: Readonly<Record<string, number>>
}

/**
 * What a process may run under the application id: the job; a later release of it, another graph with the same state and
 * output; or another job altogether, which claims none of its state.
 */
export type Release = 'job' | 'later' | 'foreign'

/**
 * Made anew for each process: sources and sinks keep things of their own.
 * @param partitions of the exchange; undefined: as many as the source has when it is made
 */
export function transferJob(release: Release = 'job', partitions?: number): JobDefinition {
  return defineJob(APPLICATION, (job) => {
    const transfers = job.source('transfers', kafkaSource({ topic: INPUT, value: json<Transfer>(), outOfOrderness: 5 }))
    const read = release === 'later' ? transfers.filter(() => true) : transfers
    read
      .keyBy((transfer) => transfer.key, partitions === undefined ? {} : { partitions })
      .process(release === 'foreign' ? 'sums' : 'counts', {
        state: { seen: valueState((): Seen => ({ count: 0, last: {} })) },
        onRecord({ partition, index }, { key, state }) {
          const { count, last } = state.seen.get()
          const before = last[partition] ?? -1
          if (index <= before) throw new Error(`record ${partition}/${index} of ${key} comes behind ${before}`)
          state.seen.set({ count: count + 1, last: { ...last, [partition]: index } })
          return [{ key, count: count + 1, partition, index } satisfies Counted]
        },
      })
      .sink('out', kafkaSink<Counted>({ topic: OUTPUT, key: (row) => row.key, value: json() }))
  })
}
