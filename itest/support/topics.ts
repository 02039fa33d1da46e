/** Topics for tests. */
import { kafkaClient } from './kafka-ready.ts'
import type { KafkaServer } from './server-types.ts'

const LEADERS_TIMEOUT_MS = 30_000

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
      // kafkajs' own waiting gives up when the broker doesn't know the topic yet that it has just created.
      waitForLeaders: false,
      topics: [{ topic, numPartitions: options.partitions ?? 4, replicationFactor: 1, configEntries }],
    })
    const deadline = Date.now() + LEADERS_TIMEOUT_MS
    while (!(await hasLeaders(admin, topic))) {
      if (Date.now() > deadline) throw new Error(`${topic} has no leaders ${LEADERS_TIMEOUT_MS} ms after its creation`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  } finally {
    await admin.disconnect()
  }
}

async function hasLeaders(admin: ReturnType<ReturnType<typeof kafkaClient>['admin']>, topic: string): Promise<boolean> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return topics.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0))
  } catch (error) {
    if ((error as { retriable?: unknown }).retriable === true) return false
    throw error
  }
}
