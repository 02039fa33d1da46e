/** The demo's topics. All names begin with the application id, so that everything of a run is found and removed. */
import type { Admin } from 'kafkajs'
import { kafkaClient } from '../../itest/support/kafka-ready.ts'

const PARTITIONS = 4

/** With the broker's own default of replicas. */
export function createTopics(bootstrap: string, topics: readonly string[]): Promise<void> {
  return withAdmin(bootstrap, async (admin) => {
    await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: PARTITIONS })), waitForLeaders: true })
  })
}

/** Its input and output, the job's control topic, and the offsets that it published. */
export function removeTraces(bootstrap: string, applicationId: string): Promise<void> {
  return withAdmin(bootstrap, async (admin) => {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${applicationId}.`))
    if (topics.length > 0) await admin.deleteTopics({ topics })
    const { groups } = await admin.listGroups()
    if (groups.some(({ groupId }) => groupId === applicationId)) await admin.deleteGroups([applicationId])
  })
}

async function withAdmin(bootstrap: string, work: (admin: Admin) => Promise<void>): Promise<void> {
  const admin = kafkaClient(bootstrap, { retries: 5 }).admin()
  await admin.connect()
  try {
    await work(admin)
  } finally {
    await admin.disconnect()
  }
}
