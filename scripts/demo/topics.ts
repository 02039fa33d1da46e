/** The demo's topics. All names begin with the application id, so that everything of a run is found and removed. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin } from 'kafkajs'
import { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { DescribeGroups, LeaveGroup } from '../../connectors/kafka/client/requests/group-requests.ts'
import { kafkaClient } from '../../itest/support/kafka-ready.ts'
import { Progress } from './progress.ts'

const PARTITIONS = 4
const POLL_MS = 100

/** With the broker's own default of replicas. */
export function createTopics(bootstrap: string, topics: readonly string[]): Promise<void> {
  return withAdmin(bootstrap, async (admin) => {
    await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: PARTITIONS })), waitForLeaders: true })
  })
}

/**
 * Resolves when the job has published, as its group's offsets, that it is through with so many records; false when it
 * makes no progress for `patienceMs`. Offsets are published behind the commit of the output.
 */
export async function untilRead(
  bootstrap: string,
  applicationId: string,
  topic: string,
  records: number,
  patienceMs: number,
): Promise<boolean> {
  const read = new Progress()
  let isOver = false
  const polling = withAdmin(bootstrap, async (admin) => {
    while (!isOver) {
      const [found] = await admin.fetchOffsets({ groupId: applicationId, topics: [topic] })
      // -1 stands for none yet. The topic holds no control records, so positions count records.
      read.set((found?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0))
      await sleep(POLL_MS)
    }
  })
  const isRead = await Promise.race([read.reaches(records, patienceMs), polling.then(() => false)])
  isOver = true
  await polling
  return isRead
}

/** Its input and output, the job's control topic, and the offsets that it published. */
export function removeTraces(bootstrap: string, applicationId: string): Promise<void> {
  return withAdmin(bootstrap, async (admin) => {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(`${applicationId}.`))
    if (topics.length > 0) await admin.deleteTopics({ topics })
    const { groups } = await admin.listGroups()
    if (!groups.some(({ groupId }) => groupId === applicationId)) return
    await removeMembers(bootstrap, applicationId)
    await admin.deleteGroups([applicationId])
  })
}

/** A job that was killed is a member until its session has run out, and a group with members can't be deleted. */
async function removeMembers(bootstrap: string, groupId: string): Promise<void> {
  const client = await KafkaClient.connect({ brokers: [bootstrap] })
  try {
    const [group] = await client.request({ group: groupId }, DescribeGroups, { groupIds: [groupId] })
    const memberIds = (group?.members ?? []).map(({ memberId }) => memberId)
    if (memberIds.length > 0)
      await client.request({ group: groupId }, LeaveGroup, { groupId, memberIds, reason: 'the demo ends' })
  } finally {
    client.close()
  }
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
