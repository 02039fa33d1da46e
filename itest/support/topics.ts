/** Topics for tests. */
import { kafkaClient } from './kafka-ready.ts'
import type { KafkaServer } from './server-types.ts'

export interface TopicOptions {
  /** 4 by default. */
  readonly partitions?: number
  readonly config?: Readonly<Record<string, string>>
}

/** Resolves when every partition has a leader. */
export async function createTopic(server: KafkaServer, topic: string, options: TopicOptions = {}): Promise<void> {
  const admin = kafkaClient(server.bootstrap, { retries: 10 }).admin()
  await admin.connect()
  try {
    const configEntries = Object.entries(options.config ?? {}).map(([name, value]) => ({ name, value }))
    await admin.createTopics({
      waitForLeaders: true,
      topics: [{ topic, numPartitions: options.partitions ?? 4, replicationFactor: 1, configEntries }],
    })
  } finally {
    await admin.disconnect()
  }
}
