import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMillraceError } from '../../../src/common/errors.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import { OffsetCommit } from '../client/requests/offset-requests.ts'
import { ScriptedCluster } from '../client/testing.ts'
import { publishPositions } from './publish-positions.ts'

const MEMBER = { generation: 4, memberId: 'm' }
const OFFSETS = [{ topic: 'orders', partition: 0, offset: 7 }]

async function publishedAs(member: Parameters<typeof publishPositions>[2], errorCode = 0) {
  const cluster = new ScriptedCluster()
  const publishing = publishPositions(cluster, 'app', member, OFFSETS)
  publishing.catch(() => {})
  const { input, answer } = await cluster.next(OffsetCommit)
  answer([{ topic: 'orders', partition: 0, errorCode }])
  await publishing
  return input
}

test('a member publishes by its generation and id, a worker without a group by none', async () => {
  assert.deepEqual(await publishedAs(MEMBER), { groupId: 'app', ...MEMBER, offsets: OFFSETS })
  assert.deepEqual(await publishedAs('solo'), { groupId: 'app', generation: -1, memberId: '', offsets: OFFSETS })
})

test('between two memberships nothing is published', async () => {
  const cluster = new ScriptedCluster()
  await publishPositions(cluster, 'app', 'absent', OFFSETS)
  await cluster.none(OffsetCommit, 0)
})

test('what a group refuses that has moved on is no failure; all else is, and everything to a worker without a group', async () => {
  const refused = (error: unknown) => isMillraceError(error)
  for (const code of [KafkaCode.illegalGeneration, KafkaCode.unknownMemberId, KafkaCode.rebalanceInProgress]) {
    await publishedAs(MEMBER, code)
    await assert.rejects(publishedAs('solo', code), refused)
  }
  await assert.rejects(publishedAs(MEMBER, KafkaCode.groupAuthorizationFailed), refused)
  await assert.rejects(publishedAs(MEMBER, 28), refused)
})
