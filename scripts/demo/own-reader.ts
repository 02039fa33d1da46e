/** Reads committed records with Millrace's own fetcher: to watch the output grow, and to judge it where Java is missing. */
import { listOffsets } from '../../connectors/kafka/client/admin.ts'
import { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { Fetcher } from '../../connectors/kafka/client/fetcher.ts'
import type { OutputRecord } from './verdict.ts'

export interface Watch {
  /** Rejects when reading is no longer possible; resolves when it was closed. */
  readonly done: Promise<void>
  close(): Promise<void>
}

/** Tells how many records of the topic are committed, each time there are more. */
export async function watchCommitted(bootstrap: string, topic: string, onCount: (count: number) => void): Promise<Watch> {
  const { client, fetcher } = await open(bootstrap, topic)
  let isClosed = false
  let count = 0
  const watch = async () => {
    try {
      for (;;) {
        await fetcher.whenAvailable()
        for (let batch = fetcher.poll(); batch !== undefined; batch = fetcher.poll()) count += batch.records?.count ?? 0
        onCount(count)
      }
    } catch (error) {
      if (!isClosed) throw error
    }
  }
  const done = watch()
  done.catch(() => {})
  return {
    done,
    async close() {
      isClosed = true
      fetcher.close()
      client.close()
      await done.catch(() => {})
    },
  }
}

/** Every committed record up to the last stable offsets as they are now, in order within each partition. */
export async function readCommitted(bootstrap: string, topic: string): Promise<OutputRecord[]> {
  const { client, fetcher, partitions } = await open(bootstrap, topic)
  try {
    const ends = await listOffsets(client, partitions, 'latest', { isolation: 'read_committed' })
    const output: OutputRecord[] = []
    while (ends.some(({ partition, offset }) => (fetcher.position(topic, partition) ?? 0) < offset)) {
      await fetcher.whenAvailable()
      for (let batch = fetcher.poll(); batch !== undefined; batch = fetcher.poll()) {
        const { partition, records } = batch
        if (records === null) continue
        const { buffer, keyStart, keyEnd, valueStart, valueEnd } = records
        for (let index = 0; index < records.count; index++) {
          output.push({
            partition,
            key: slice(buffer, keyStart[index], keyEnd[index]),
            value: slice(buffer, valueStart[index], valueEnd[index]),
          })
        }
      }
    }
    return output
  } finally {
    fetcher.close()
    client.close()
  }
}

async function open(bootstrap: string, topic: string) {
  const client = await KafkaClient.connect({ brokers: [bootstrap] })
  const found = await client.topic(topic)
  const partitions = found.partitions.map((_, partition) => ({ topic, partition }))
  const fetcher = new Fetcher(client, { isolation: 'read_committed', maxWaitMs: 100 })
  // The topic was made for the demo, so its first offset is 0.
  fetcher.assign(partitions.map((partition) => ({ ...partition, offset: 0 })))
  return { client, fetcher, partitions }
}

function slice(buffer: Buffer, start = -1, end = -1): Buffer | null {
  return start < 0 ? null : Buffer.from(buffer.subarray(start, end))
}
