/** The group of a job on a real coordinator: members come, go, die and come back; tools see them; strangers are named. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { commitOffsets } from '../../connectors/kafka/client/admin.ts'
import { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { isRetriableCode, KafkaCode, kafkaErrorName } from '../../connectors/kafka/client/kafka-errors.ts'
import type { RequestType } from '../../connectors/kafka/client/request-type.ts'
import {
  DescribeGroups,
  Heartbeat,
  JoinGroup,
  LeaveGroup,
  SyncGroup,
} from '../../connectors/kafka/client/requests/group-requests.ts'
import {
  encodeAssignment,
  encodeSubscription,
  PROTOCOL_NAME,
  PROTOCOL_TYPE,
} from '../../connectors/kafka/group/consumer-protocol.ts'
import { type ErrorCode, isMillraceError } from '../../src/common/errors.ts'
import { whenAborted } from '../../src/common/when-aborted.ts'
import type { Joined } from '../../src/ports/group-membership.ts'
import { kafkaClient } from '../support/kafka-ready.ts'
import { temporaryFolder } from '../support/leftovers.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { createOrders, TestWorker, TIMES, takeAll } from './workers.ts'

let kafka: KafkaServer
let admin: KafkaClient
before(async () => {
  kafka = await startKafka({ config: { 'group.min.session.timeout.ms': '1000' } })
  admin = await KafkaClient.connect({ brokers: [kafka.bootstrap] })
  await createOrders(admin)
})
after(async () => {
  admin?.close()
  await kafka?.close()
})

const open = (groupId: string, name: string, more = {}) => TestWorker.open(kafka.bootstrap, name, { groupId, ...more })

function rejects(promise: Promise<unknown>, code: ErrorCode, message = /./): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(isMillraceError(error, code), String(error))
    assert.match(error.message, message)
    return true
  })
}

/** Six partitions, dealt out in turn. */
function deal({ members }: Joined) {
  return new Map(
    members.map((member, index) => [
      member.memberId,
      [{ topic: 'orders', partitions: [0, 1, 2, 3, 4, 5].filter((partition) => partition % members.length === index) }],
    ]),
  )
}

test('three join, one leads and knows all three; one leaves, another leads, it comes back', async () => {
  const workers = await Promise.all(['a', 'b', 'c'].map((name) => open('changing', name)))
  await takeAll(workers)
  // Whoever came first was alone for a moment.
  const [leader] = workers.filter((worker) => worker.joined?.isLeader)
  assert.ok(leader)
  assert.deepEqual(
    leader.joined?.members.map(({ worker }) => worker),
    ['a', 'b', 'c'],
  )
  assert.deepEqual(
    workers.filter((worker) => worker !== leader).map((worker) => worker.joined?.members),
    [[], []],
  )
  const ids = workers.map((worker) => worker.joined?.self.memberId ?? '')
  assert.deepEqual(await leader.membership?.present([...ids, 'nobody']), new Set(ids))

  const leftAtMs = performance.now()
  const followers = workers.filter((worker) => worker !== leader)
  const before = followers.map((worker) => worker.membership)
  await leader.group.leave()
  assert.ok(leader.membership?.ended.aborted)
  await Promise.all(before.map((membership) => whenAborted(membership!.rebalancing)))
  const noticedMs = performance.now() - leftAtMs
  assert.ok(noticedMs < 1_000, `noticed after ${Math.round(noticedMs)} ms`)
  assert.ok(before.every((membership) => !membership?.ended.aborted))

  // In a rebalance the members are still there, until the rebalance timeout.
  assert.equal((await before[0]?.present(ids))?.size, 2)
  await takeAll(followers)
  assert.equal(followers.filter((worker) => worker.joined?.isLeader).length, 1)
  assert.ok(before.every((membership) => membership?.ended.aborted))

  await takeAll([...followers, leader])
  assert.notEqual(leader.joined?.self.memberId, ids[workers.indexOf(leader)])
  await Promise.all(workers.map((worker) => worker.stop()))
})

test('facts arrive as they were told, with a state of thousands of tasks', async () => {
  const [a, b] = [await open('facts', 'a'), await open('facts', 'b')]
  const localState = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`by-größe/${index}`, index * 7]))
  await a.take()
  const joiningB = b.join(localState)
  await whenAborted(a.membership!.rebalancing)
  const joinedA = await a.join()
  const joinedB = await joiningB
  assert.ok(joinedA.isLeader)
  assert.deepEqual(joinedA.members, [joinedA.self, joinedB.self])
  assert.deepEqual(joinedB.self.localState, localState)
  const settledB = joinedB.settle()
  assert.ok(await joinedA.settle(new Map()))
  assert.ok(await settledB)
  await Promise.all([a.stop(), b.stop()])
})

test('a rebalance that takes longer than a session is one rebalance: who waits asks again and stays', async () => {
  const [a, b] = [await open('slow', 'a'), await open('slow', 'b')]
  await a.take()
  const joining = b.join()
  await whenAborted(a.membership!.rebalancing)
  // A last checkpoint.
  await sleep(2.5 * TIMES.sessionTimeoutMs)
  assert.ok(!a.membership?.ended.aborted)
  const before = a.identity.current
  const joinedA = await a.join()
  const joinedB = await joining
  assert.ok(joinedA.isLeader)
  assert.deepEqual(joinedA.members, [joinedA.self, joinedB.self])
  const settlingB = joinedB.settle()
  await sleep(1.5 * TIMES.sessionTimeoutMs)
  assert.ok(await joinedA.settle(new Map()))
  assert.ok(await settlingB)
  const after = a.identity.current
  assert.ok(typeof before === 'object' && typeof after === 'object')
  assert.equal(after.generation, before.generation + 1)
  await Promise.all([a.stop(), b.stop()])
})

test('a killed member is missed after the session timeout, and heartbeats keep the others in', async () => {
  const [a, b] = [await open('killed', 'a'), await open('killed', 'b')]
  await takeAll([a, b])
  await sleep(TIMES.sessionTimeoutMs * 1.5)
  assert.ok(!a.membership?.rebalancing.aborted && !b.membership?.ended.aborted)
  const killedAtMs = performance.now()
  b.kill()
  await whenAborted(a.membership!.rebalancing)
  const missedMs = performance.now() - killedAtMs
  assert.ok(missedMs > TIMES.sessionTimeoutMs - 500 && missedMs < TIMES.sessionTimeoutMs + 1_500, `${missedMs} ms`)
  assert.equal((await a.membership?.present([b.joined!.self.memberId]))?.size, 0)
  await a.take()
  assert.equal(a.joined?.members.length, 1)
  await a.stop()
})

test('a process that is stopped for longer than its session knows it when it goes on', async () => {
  const a = await open('stopped', 'a')
  await a.take()
  const program = fileURLToPath(new URL('stopped-member.ts', import.meta.url))
  const args = ['--conditions=millrace-source', program, kafka.bootstrap, 'stopped', String(TIMES.sessionTimeoutMs)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text))
    const says = async (text: string) => {
      while (!output.includes(text)) await sleep(10)
    }
    await whenAborted(a.membership!.rebalancing)
    await a.take()
    await says('joined')
    child.kill('SIGSTOP')
    await whenAborted(a.membership!.rebalancing)
    await a.take()
    assert.equal(a.joined?.members.length, 1)
    const wokenAtMs = performance.now()
    child.kill('SIGCONT')
    await says('ended')
    assert.ok(performance.now() - wokenAtMs < 300, `${performance.now() - wokenAtMs} ms`)
    assert.match(output, /ended: .* no heartbeat has succeeded for/)
    assert.ok(!output.includes('late'), output)
    await sleep(300)
    assert.ok(!a.membership?.rebalancing.aborted, 'it does not disturb the others')
  } finally {
    child.kill('SIGKILL')
    await a.stop()
  }
})

test('the identity file lets the next process take out the one that was killed, at once', async () => {
  const folder = temporaryFolder('identity')
  const identityFile = join(folder.path, 'member.json')
  // So long a session that the test would time out without the file.
  const options = { identityFile, sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 60_000 }
  const [a, b] = [
    await open('identified', 'a', { ...options, identityFile: undefined }),
    await open('identified', 'b', options),
  ]
  await takeAll([a, b])
  b.kill()
  const startedAtMs = performance.now()
  const successor = await open('identified', 'b', options)
  await takeAll([a, successor])
  const tookMs = performance.now() - startedAtMs
  assert.ok(tookMs < 3_000, `it took ${Math.round(tookMs)} ms`)
  const leader = [a, successor].find((worker) => worker.joined?.isLeader)
  assert.deepEqual(
    leader?.joined?.members.map(({ memberId }) => memberId),
    [a.joined?.self.memberId, successor.joined?.self.memberId],
  )
  await successor.stop()
  assert.ok(!existsSync(identityFile))
  await a.stop()
  await folder.remove()
})

test('kafka-consumer-groups --describe shows members, their partitions and the lag', async () => {
  const [a, b] = [await open('described', 'worker-a'), await open('described', 'worker-b')]
  await takeAll([a, b], deal)
  for (const partition of [0, 1]) {
    const owner = [a, b].find(({ identity }) => typeof identity.current === 'object')
    assert.ok(owner)
    await commitOffsets(
      owner.client,
      'described',
      [{ topic: 'orders', partition, offset: 0 }],
      owner.identity.current as { generation: number; memberId: string },
    )
  }
  // As no member, as a solo worker would: a group with members refuses that.
  await assert.rejects(commitOffsets(a.client, 'described', [{ topic: 'orders', partition: 0, offset: 0 }]), (error) =>
    isMillraceError(error, 'MR_KAFKA_REQUEST_REFUSED'),
  )
  const describe = async (...more: string[]) => {
    const { stdout, stderr, exitCode } = await kafka.runTool('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', [
      '--bootstrap-server',
      kafka.bootstrap,
      '--describe',
      '--group',
      'described',
      ...more,
    ])
    assert.equal(exitCode, 0, stderr)
    return stdout.split('\n').map((line) => line.trim().split(/\s+/))
  }
  const offsets = (await describe()).filter((fields) => fields[1] === 'orders')
  assert.equal(offsets.length, 6, JSON.stringify(offsets))
  for (const [group, , partition, current, end, lag, consumer, , clientId] of offsets) {
    assert.equal(group, 'described')
    assert.equal(end, '0')
    assert.deepEqual([current, lag], Number(partition) < 2 ? ['0', '0'] : ['-', '-'])
    const worker = Number(partition) % 2 === 0 ? a : b
    assert.equal(consumer, worker.joined?.self.memberId)
    assert.equal(clientId, worker.name)
  }
  const members = (await describe('--members')).filter((fields) => fields[0] === 'described')
  assert.deepEqual(
    members.map((fields) => [fields[1], fields.at(-1)]).sort(),
    [
      [a.joined?.self.memberId, '3'],
      [b.joined?.self.memberId, '3'],
    ].sort(),
  )
  const state = (await describe('--state')).find((fields) => fields[0] === 'described')
  assert.ok(state?.includes('millrace') && state.includes('Stable'), JSON.stringify(state))
  await Promise.all([a.stop(), b.stop()])
})

test('every version of the requests is understood by the broker, and its answers by us', async () => {
  let groups = 0
  const versions = ({ minVersion, maxVersion }: RequestType<never, unknown>) =>
    Array.from({ length: maxVersion - minVersion + 1 }, (_, index) => minVersion + index)
  const at = <Input, Output>(type: RequestType<Input, Output>, version: number) => ({ ...type, maxVersion: version })
  for (const version of versions(JoinGroup)) {
    const groupId = `versions-${groups++}`
    const target = { group: groupId }
    const ask = <Input, Output>(type: RequestType<Input, Output>, input: Input) =>
      admin.request(target, at(type, Math.max(type.minVersion, type.maxVersion - (JoinGroup.maxVersion - version))), input)
    const metadata = encodeSubscription(['orders'], Buffer.from('{}'))
    const joining = {
      groupId,
      sessionTimeoutMs: 2_000,
      rebalanceTimeoutMs: 2_000,
      memberId: '',
      protocolType: PROTOCOL_TYPE,
      protocols: [{ name: PROTOCOL_NAME, metadata }],
      reason: 'a test',
    }
    let first = await ask(JoinGroup, joining)
    while (first.errorCode !== KafkaCode.memberIdRequired) {
      assert.ok(isRetriableCode(first.errorCode), kafkaErrorName(first.errorCode))
      first = await ask(JoinGroup, joining)
    }
    const { memberId } = first
    const joined = await ask(JoinGroup, { ...joining, memberId })
    assert.deepEqual(joined, {
      errorCode: 0,
      generation: 1,
      protocol: PROTOCOL_NAME,
      leader: memberId,
      memberId,
      members: [{ memberId, metadata }],
    })
    const member = { groupId, generation: 1, memberId }
    const assignment = encodeAssignment([{ topic: 'orders', partitions: [1, 2] }])
    const naming = { protocolType: PROTOCOL_TYPE, protocol: PROTOCOL_NAME }
    assert.deepEqual(await ask(SyncGroup, { ...member, ...naming, assignments: [{ memberId, assignment }] }), {
      errorCode: 0,
      assignment,
    })
    assert.deepEqual(await ask(Heartbeat, member), { errorCode: 0 })
    assert.deepEqual(await ask(Heartbeat, { ...member, generation: 7 }), { errorCode: KafkaCode.illegalGeneration })
    const [described] = await ask(DescribeGroups, { groupIds: [groupId] })
    assert.deepEqual([described?.state, described?.members.map((one) => one.memberId)], ['Stable', [memberId]])
    assert.deepEqual(await ask(LeaveGroup, { groupId, memberIds: [memberId, 'nobody'], reason: 'a test' }), {
      errorCode: 0,
      members: [
        { memberId, errorCode: 0 },
        { memberId: 'nobody', errorCode: KafkaCode.unknownMemberId },
      ],
    })
  }
})

test('the group of other consumers is refused, and ours refuses them', async () => {
  const consumer = kafkaClient(kafka.bootstrap, { retries: 5 }).consumer({ groupId: 'taken' })
  await consumer.connect()
  await consumer.subscribe({ topic: 'orders' })
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve))
  await consumer.run({ eachMessage: async () => {} })
  await joined
  const worker = await open('taken', 'a')
  await rejects(worker.join(), 'MR_GROUP_IN_USE', /consumer group taken/)
  await consumer.disconnect()
  const { rebalancing } = await worker.take()
  const intruder = kafkaClient(kafka.bootstrap, { retries: 0 }).consumer({ groupId: 'taken' })
  await intruder.connect()
  await intruder.subscribe({ topic: 'orders' })
  const crashed = new Promise<Error>((resolve) => intruder.on(intruder.events.CRASH, ({ payload }) => resolve(payload.error)))
  await intruder.run({ eachMessage: async () => {} })
  assert.match((await crashed).message, /protocols are incompatible/)
  await intruder.disconnect()
  assert.ok(!rebalancing.aborted)
  await worker.stop()
})

/** A consumer of the protocol of KIP-848, for some seconds. */
function consoleConsumer(group: string) {
  const options = { '--bootstrap-server': kafka.bootstrap, '--topic': 'orders', '--timeout-ms': '8000', '--group': group }
  const args = [...Object.entries(options).flat(), '--consumer-property', 'group.protocol=consumer']
  return kafka.runTool('org.apache.kafka.tools.consumer.ConsoleConsumer', args)
}

test('consumers of the protocol of KIP-848 are named, whoever came first; without them the group is ours again', async () => {
  // Brokers let them into a classic group, and assign in it from then on (group.consumer.migration.policy).
  const [ours, late] = [await open('taken-anew', 'ours'), await open('taken-before', 'late')]
  await ours.take()
  const consuming = [consoleConsumer('taken-anew'), consoleConsumer('taken-before')]
  await whenAborted(ours.membership!.rebalancing)
  await rejects(ours.join(), 'MR_GROUP_IN_USE')
  const groups = kafkaClient(kafka.bootstrap, { retries: 5 }).admin()
  await groups.connect()
  while (!(await groups.listGroups()).groups.some(({ groupId }) => groupId === 'taken-before')) await sleep(100)
  await groups.disconnect()
  await sleep(500)
  await rejects(late.join(), 'MR_GROUP_IN_USE')
  await Promise.all(consuming)
  await Promise.all([ours, late].map((worker) => worker.take()))
  await Promise.all([ours, late].map((worker) => worker.stop()))
})

test('a session timeout that the brokers do not allow is named', async () => {
  const worker = await open('short', 'a', { sessionTimeoutMs: 500 })
  await rejects(worker.join(), 'MR_GROUP_SESSION_TIMEOUT')
  await worker.stop()
})

test('a broker that restarts between heartbeats does not end the membership; one that stays away does', async () => {
  const patient = { sessionTimeoutMs: 20_000 }
  const [a, b] = [await open('restarted', 'a', patient), await open('restarted', 'b', patient)]
  const hasty = await open('hasty', 'c', { sessionTimeoutMs: 1_000 })
  await takeAll([a, b])
  await hasty.take()
  await kafka.stop('SIGKILL')
  await sleep(1_500)
  assert.ok(hasty.membership?.ended.aborted)
  await kafka.start()
  await sleep(2_000)
  assert.deepEqual(
    [a, b].map(({ membership }) => membership?.ended.aborted),
    [false, false],
  )
  // Whatever the coordinator made of it: they are a group still, or again.
  const again = await hasty.take()
  assert.ok(!again.ended.aborted)
  await b.stop()
  await whenAborted(a.membership!.rebalancing)
  await a.take()
  assert.equal(a.joined?.members.length, 1)
  await Promise.all([a.stop(), hasty.stop()])
})
