import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { ErrorCode } from '../../../src/common/error-catalogue.ts'
import { isMillraceError, MillraceError } from '../../../src/common/errors.ts'
import { silentLogger } from '../../../src/common/logger.ts'
import type { AssignedPartitions, MemberFacts } from '../../../src/ports/group-membership.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import { DescribeGroups, Heartbeat, JoinGroup, LeaveGroup, SyncGroup } from '../client/requests/group-requests.ts'
import { ScriptedCluster } from '../client/testing.ts'
import { decodeAssignment, decodeSubscription, encodeSubscription } from './consumer-protocol.ts'
import { GroupIdentity } from './group-identity.ts'
import { KafkaGroupMembership, type KafkaGroupOptions } from './kafka-group-membership.ts'
import { decodeFacts, encodeFacts } from './member-facts.ts'
import { ManualClock } from './testing.ts'

const HEARTBEAT_MS = 500
const SESSION_MS = 10_000
const NONE = Buffer.alloc(0)
const folder = mkdtempSync(join(tmpdir(), 'millrace-membership-'))
after(() => rmSync(folder, { recursive: true }))

function facts(worker: string, joinNonce = `${worker}#1`): MemberFacts {
  return { worker, joinNonce, graphDigest: 'g', localState: { 'orders/3': 7 } }
}

class Scene {
  readonly cluster = new ScriptedCluster()
  readonly clock = new ManualClock()
  readonly identity = new GroupIdentity()
  readonly group: KafkaGroupMembership

  constructor(options: Partial<KafkaGroupOptions> = {}) {
    this.group = new KafkaGroupMembership({
      client: async () => this.cluster,
      groupId: 'app',
      clock: this.clock,
      logger: silentLogger,
      topics: () => ['orders'],
      sessionTimeoutMs: SESSION_MS,
      rebalanceTimeoutMs: 60_000,
      heartbeatIntervalMs: HEARTBEAT_MS,
      identity: this.identity,
      ...options,
    })
  }

  async refuseJoin(errorCode: number, memberId = '') {
    const request = await this.cluster.next(JoinGroup)
    request.answer({ errorCode, generation: -1, protocol: null, leader: '', memberId, members: [] })
    return request.input
  }

  /** `others`: member id → facts; given, this worker leads. */
  async answerJoin(generation: number, others?: Readonly<Record<string, Buffer>>) {
    const { input, answer } = await this.cluster.next(JoinGroup)
    const metadata = input.protocols[0]?.metadata ?? NONE
    // Older brokers let a new member in at once.
    const memberId = input.memberId || 'given-id'
    const members = Object.entries(others ?? {}).map(([id, bytes]) => ({ memberId: id, metadata: bytes }))
    answer({
      errorCode: 0,
      generation,
      protocol: 'millrace',
      leader: others === undefined ? 'somebody' : memberId,
      memberId,
      members: others === undefined ? [] : [...members, { memberId, metadata }],
    })
    return input
  }

  async answerSync(errorCode = 0) {
    const { input, answer } = await this.cluster.next(SyncGroup)
    answer({ errorCode, assignment: NONE })
    return input
  }

  async answerHeartbeat(errorCode = 0) {
    const { input, answer } = await this.cluster.next(Heartbeat)
    answer({ errorCode })
    await this.clock.turn()
    return input
  }

  async member(generation = 1, worker = 'a') {
    const joining = this.group.join(facts(worker, `${worker}#${generation}`))
    if (this.memberIsNew) await this.refuseJoin(KafkaCode.memberIdRequired, `${worker}-id`)
    this.memberIsNew = false
    await this.answerJoin(generation)
    const joined = await joining
    const settling = joined.settle()
    await this.answerSync()
    const membership = await settling
    assert.ok(membership)
    return membership
  }

  memberIsNew = true

  /** Until the next heartbeat is sent. */
  beat(): Promise<void> {
    return this.clock.advance(HEARTBEAT_MS)
  }
}

function metadataOf(worker: string): Buffer {
  return encodeSubscription(['orders'], encodeFacts(facts(worker)))
}

function rejectsWith(promise: Promise<unknown>, code: ErrorCode, message = /./): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(isMillraceError(error, code), String(error))
    assert.match(error.message, message)
    return true
  })
}

test('a new member asks for an id, joins with it, leads, and tells everybody what they read', async () => {
  const own = new Scene()
  const joining = own.group.join(facts('b'))
  const first = await own.refuseJoin(KafkaCode.memberIdRequired, 'b-id')
  assert.equal(first.memberId, '')
  const input = await own.answerJoin(4, { 'z-id': metadataOf('c'), 'y-id': metadataOf('a') })
  assert.deepEqual(
    [
      input.memberId,
      input.protocolType,
      input.sessionTimeoutMs,
      input.rebalanceTimeoutMs,
      input.protocols.map(({ name }) => name),
    ],
    ['b-id', 'consumer', SESSION_MS, 60_000, ['millrace']],
  )
  const subscription = decodeSubscription(input.protocols[0]?.metadata ?? NONE)
  assert.deepEqual([subscription.topics, decodeFacts(subscription.userData)], [['orders'], facts('b')])

  const joined = await joining
  assert.ok(joined.isLeader)
  assert.deepEqual(joined.self, { ...facts('b'), memberId: 'b-id' })
  assert.deepEqual(joined.members, [
    { ...facts('a'), memberId: 'y-id' },
    { ...facts('b'), memberId: 'b-id' },
    { ...facts('c'), memberId: 'z-id' },
  ])
  const assigned: AssignedPartitions[] = [{ topic: 'orders', partitions: [0, 2] }]
  const settling = joined.settle(new Map([['y-id', assigned]]))
  assert.equal(own.identity.current, 'absent')
  const sync = await own.answerSync()
  assert.deepEqual(
    sync.assignments.map(({ memberId, assignment }) => [memberId, decodeAssignment(assignment)]),
    [
      ['z-id', []],
      ['y-id', assigned],
      ['b-id', []],
    ],
  )
  assert.ok(await settling)
  assert.deepEqual(own.identity.current, { groupId: 'app', generation: 4, memberId: 'b-id' })
})

test('a follower knows nobody, and its sync waits for the leader', async () => {
  const scene = new Scene()
  const joining = scene.group.join(facts('a'))
  await scene.answerJoin(1)
  const joined = await joining
  assert.deepEqual([joined.isLeader, joined.members], [false, []])
  const settling = joined.settle()
  const { input, answer } = await scene.cluster.next(SyncGroup)
  assert.deepEqual(input.assignments, [])
  answer({ errorCode: 0, assignment: NONE })
  assert.ok(await settling)
})

test('where the group has moved on before it settled, null says so', async () => {
  for (const code of [KafkaCode.rebalanceInProgress, KafkaCode.illegalGeneration, KafkaCode.unknownMemberId]) {
    const scene = new Scene()
    const joining = scene.group.join(facts('a'))
    await scene.answerJoin(1)
    const settling = (await joining).settle()
    await scene.answerSync(code)
    assert.equal(await settling, null)
    assert.equal(scene.identity.current, 'absent')
    assert.ok(await scene.member(2))
  }
})

test('a settle that waits when the member is lost, or joins anew, comes to null', async () => {
  const scene = new Scene()
  const joining = scene.group.join(facts('a'))
  await scene.answerJoin(1)
  const lost = (await joining).settle()
  await scene.beat()
  await scene.answerHeartbeat(KafkaCode.unknownMemberId)
  assert.equal(await lost, null)

  const joiningAgain = scene.group.join(facts('a', 'a#2'))
  await scene.answerJoin(2)
  const superseded = (await joiningAgain).settle()
  const next = scene.group.join(facts('a', 'a#3'))
  assert.equal(await superseded, null)
  await scene.answerJoin(3)
  assert.ok(await next)
})

test('heartbeats go on through a rebalance, and end with the membership', async () => {
  const scene = new Scene()
  const { rebalancing, ended } = await scene.member()
  await scene.beat()
  assert.deepEqual(await scene.answerHeartbeat(), { groupId: 'app', generation: 1, memberId: 'a-id' })
  assert.ok(!rebalancing.aborted)
  await scene.beat()
  await scene.answerHeartbeat(KafkaCode.rebalanceInProgress)
  assert.ok(rebalancing.aborted && !ended.aborted)
  for (let count = 0; count < 100; count++) {
    await scene.beat()
    await scene.answerHeartbeat(KafkaCode.rebalanceInProgress)
  }
  assert.ok(!ended.aborted)
  await scene.beat()
  await scene.answerHeartbeat(KafkaCode.illegalGeneration)
  assert.ok(isMillraceError(ended.reason, 'MR_GROUP_MEMBERSHIP_LOST'))
  assert.match(ended.reason.message, /ILLEGAL_GENERATION/)
  assert.equal(scene.identity.current, 'absent')
  await scene.clock.advance(60_000)
  await scene.cluster.none(Heartbeat)
})

test('heartbeats begin before the group has settled', async () => {
  const scene = new Scene()
  const joining = scene.group.join(facts('a'))
  await scene.answerJoin(1, {})
  await joining
  await scene.beat()
  assert.equal((await scene.answerHeartbeat()).generation, 1)
})

test('without an answer to heartbeats the membership ends one session behind the last good one, not later', async () => {
  const scene = new Scene()
  const { ended } = await scene.member()
  await scene.beat()
  const late = await scene.cluster.next(Heartbeat)
  await scene.clock.advance(2_000)
  late.answer({ errorCode: 0 })
  // From when it was sent: half a second behind the join.
  await scene.beat()
  await scene.clock.advance(SESSION_MS - 2_000 - HEARTBEAT_MS - 1)
  assert.ok(!ended.aborted)
  await scene.clock.advance(1)
  assert.ok(ended.aborted)
  assert.match(String(ended.reason), /no heartbeat has succeeded for 10000 ms/)
})

test('a process that was stopped for longer than the session sees the end, whatever runs first', async () => {
  const asked = new Scene()
  const membership = await asked.member()
  asked.clock.jump(SESSION_MS)
  assert.ok('hasEnded' in membership && typeof membership.hasEnded === 'function')
  assert.ok(membership.hasEnded() && membership.ended.aborted, 'when it is asked')

  const answered = new Scene()
  const { ended, rebalancing } = await answered.member()
  await answered.beat()
  const sentBefore = await answered.cluster.next(Heartbeat)
  answered.clock.jump(SESSION_MS)
  sentBefore.answer({ errorCode: KafkaCode.rebalanceInProgress })
  await answered.clock.turn()
  assert.ok(ended.aborted && !rebalancing.aborted, 'when an answer comes that was sent before')

  const settled = new Scene()
  const joining = settled.group.join(facts('a'))
  await settled.answerJoin(1)
  const settling = (await joining).settle()
  const sync = await settled.cluster.next(SyncGroup)
  settled.clock.jump(SESSION_MS)
  sync.answer({ errorCode: 0, assignment: NONE })
  assert.equal(await settling, null, 'when it had not settled yet')

  const timed = new Scene()
  const third = await timed.member()
  timed.clock.jump(SESSION_MS)
  await timed.clock.advance(0)
  assert.ok(third.ended.aborted)
  await timed.cluster.none(Heartbeat)
})

test('a coordinator that moves, loads or is out of reach is asked again, at heartbeats, joins and syncs', async () => {
  const scene = new Scene()
  const unreachable = new MillraceError('MR_KAFKA_UNREACHABLE', 'gone')
  const joining = scene.group.join(facts('a'))
  await scene.refuseJoin(KafkaCode.notCoordinator)
  await scene.clock.advance(100)
  assert.deepEqual(scene.cluster.forgotten, [{ group: 'app' }])
  ;(await scene.cluster.next(JoinGroup)).fail(unreachable)
  await scene.clock.advance(100)
  await scene.answerJoin(1)
  const settling = (await joining).settle()
  await scene.answerSync(KafkaCode.coordinatorLoadInProgress)
  await scene.clock.advance(50)
  await scene.answerSync()
  const membership = await settling
  assert.ok(membership)
  await scene.beat()
  ;(await scene.cluster.next(Heartbeat)).fail(unreachable)
  await scene.clock.advance(100)
  await scene.answerHeartbeat(KafkaCode.coordinatorNotAvailable)
  await scene.clock.advance(100)
  await scene.answerHeartbeat()
  assert.ok(!membership.ended.aborted && !membership.rebalancing.aborted)
})

test('a look-up that hangs is begun anew, so that one silent broker does not cost the session', async () => {
  const scene = new Scene()
  const { ended } = await scene.member()
  await scene.beat()
  await scene.cluster.next(Heartbeat)
  await scene.clock.advance(SESSION_MS / 3 + 1_200)
  assert.deepEqual(scene.cluster.forgotten, [{ group: 'app' }])
  await scene.answerHeartbeat()
  await scene.clock.advance(SESSION_MS - 1_000)
  assert.ok(!ended.aborted)
})

test('a join and a sync that wait for others are sent again, the same, so that a silent coordinator is found out', async () => {
  const scene = new Scene()
  const unanswered = (request: string) => new MillraceError('MR_KAFKA_REQUEST_TIMEOUT', 'no answer', { details: { request } })
  const joining = scene.group.join(facts('a'))
  const first = await scene.cluster.next(JoinGroup)
  first.fail(unanswered('JoinGroup'))
  const second = await scene.answerJoin(1)
  assert.deepEqual(second, first.input)
  const settling = (await joining).settle()
  ;(await scene.cluster.next(SyncGroup)).fail(unanswered('SyncGroup'))
  await scene.answerSync()
  assert.ok(await settling)
})

test('it joins again with its id, and with a new one where the coordinator has forgotten that', async () => {
  const scene = new Scene()
  const first = await scene.member(1)
  const joining = scene.group.join(facts('a', 'a#2'))
  assert.ok(first.ended.aborted, 'the membership before is over')
  assert.equal((await scene.refuseJoin(KafkaCode.unknownMemberId)).memberId, 'a-id')
  await scene.clock.advance(50)
  assert.equal((await scene.refuseJoin(KafkaCode.memberIdRequired, 'a-id-2')).memberId, '')
  await scene.answerJoin(9)
  assert.equal((await joining).self.memberId, 'a-id-2')
})

test('another join, and leaving, end a join that waits', async () => {
  const scene = new Scene()
  const first = scene.group.join(facts('a'))
  await scene.cluster.next(JoinGroup)
  const second = scene.group.join(facts('a', 'a#2'))
  await rejectsWith(first, 'MR_GROUP_MEMBERSHIP_LOST', /joins anew/)
  await scene.cluster.next(JoinGroup)
  await scene.group.leave()
  await rejectsWith(second, 'MR_GROUP_MEMBERSHIP_LOST', /leaves/)
})

test('leaving is said by the member id, and given up when nobody answers', async () => {
  const scene = new Scene()
  const { ended } = await scene.member()
  const leaving = scene.group.leave()
  assert.ok(ended.aborted)
  const { input, answer } = await scene.cluster.next(LeaveGroup)
  assert.deepEqual(input.memberIds, ['a-id'])
  answer({ errorCode: 0, members: [{ memberId: 'a-id', errorCode: 0 }] })
  await leaving

  const deaf = new Scene()
  await deaf.member()
  const waiting = deaf.group.leave()
  await deaf.cluster.next(LeaveGroup)
  await deaf.clock.advance(3_000)
  await waiting
  await deaf.group.leave()
})

test('what the group refuses is named', async () => {
  const refused: [number, ErrorCode, RegExp][] = [
    [KafkaCode.inconsistentGroupProtocol, 'MR_GROUP_IN_USE', /group app has members that are no workers/],
    [KafkaCode.invalidSessionTimeout, 'MR_GROUP_SESSION_TIMEOUT', /10000 ms/],
    [KafkaCode.groupMaxSizeReached, 'MR_GROUP_FULL', /takes no more/],
    [KafkaCode.groupAuthorizationFailed, 'MR_KAFKA_AUTHORIZATION', /JoinGroup in group app is not allowed/],
    [24, 'MR_KAFKA_REQUEST_REFUSED', /INVALID_GROUP_ID/],
  ]
  for (const [kafkaCode, code, message] of refused) {
    const scene = new Scene()
    const joining = scene.group.join(facts('a'))
    await scene.refuseJoin(kafkaCode)
    await rejectsWith(joining, code, message)
  }
})

test('a group that Kafka itself assigns in has no leader: it is used by others', async () => {
  const scene = new Scene()
  const joining = scene.group.join(facts('a'))
  const { answer } = await scene.cluster.next(JoinGroup)
  answer({ errorCode: 0, generation: 3, protocol: 'millrace', leader: '', memberId: 'x', members: [] })
  await rejectsWith(joining, 'MR_GROUP_IN_USE', /KIP-848/)
})

test('rights that are taken away end the membership with that reason', async () => {
  const scene = new Scene()
  const { ended } = await scene.member()
  await scene.beat()
  await scene.answerHeartbeat(KafkaCode.groupAuthorizationFailed)
  assert.ok(isMillraceError(ended.reason.cause, 'MR_KAFKA_AUTHORIZATION'))
})

test('a member that cannot be understood has no graph, so it gets no tasks', async () => {
  const scene = new Scene()
  const joining = scene.group.join(facts('b'))
  const other = Buffer.from(JSON.stringify({ version: 99, worker: 'later' }))
  await scene.answerJoin(1, { 'x-id': encodeSubscription(['orders'], other), 'w-id': Buffer.from([1]) })
  assert.deepEqual(
    (await joining).members.map(({ worker, graphDigest }) => [worker, graphDigest]),
    [
      ['b', 'g'],
      ['w-id', ''],
      ['x-id', ''],
    ],
  )
})

test('present: whoever the group has, also in a rebalance', async () => {
  const scene = new Scene()
  const membership = await scene.member()
  const asked = membership.present(['a-id', 'b-id'])
  const { input, answer } = await scene.cluster.next(DescribeGroups)
  assert.deepEqual(input.groupIds, ['app'])
  const group = { groupId: 'app', state: 'PreparingRebalance', protocolType: 'consumer' }
  const members = [{ memberId: 'a-id', clientId: 'c', clientHost: 'h' }]
  answer([{ ...group, errorCode: KafkaCode.coordinatorLoadInProgress, members: [] }])
  await scene.clock.advance(50)
  ;(await scene.cluster.next(DescribeGroups)).answer([{ ...group, errorCode: 0, members }])
  assert.deepEqual(await asked, new Set(['a-id']))
})

test('the identity file: written before an id is used, left to the next process by a kill, gone after leaving', async () => {
  const identityFile = join(folder, 'member.json')
  const kept = () => JSON.parse(readFileSync(identityFile, 'utf8')).memberId
  const killed = new Scene({ identityFile })
  const joining = killed.group.join(facts('a'))
  await killed.refuseJoin(KafkaCode.memberIdRequired, 'dead-id')
  const { answer } = await killed.cluster.next(JoinGroup)
  assert.equal(kept(), 'dead-id')
  void [joining, answer]

  const scene = new Scene({ identityFile })
  const memberComing = scene.member()
  const leave = await scene.cluster.next(LeaveGroup)
  assert.deepEqual(leave.input.memberIds, ['dead-id'])
  await scene.cluster.none(JoinGroup)
  leave.answer({ errorCode: 0, members: [{ memberId: 'dead-id', errorCode: KafkaCode.unknownMemberId }] })
  await memberComing
  assert.equal(kept(), 'a-id')
  await scene.member(2)
  await scene.cluster.none(LeaveGroup)

  const leaving = scene.group.leave()
  const last = await scene.cluster.next(LeaveGroup)
  last.answer({ errorCode: 0, members: [{ memberId: 'a-id', errorCode: 0 }] })
  await leaving
  assert.ok(!existsSync(identityFile))
})

test('an identity file that is damaged, or of another group, is passed over', async () => {
  const identityFile = join(folder, 'odd.json')
  for (const content of ['{', 'null', '{"version":1,"groupId":"other","memberId":"m"}', '{"version":2,"memberId":"m"}']) {
    writeFileSync(identityFile, content)
    const scene = new Scene({ identityFile })
    await scene.member()
    await scene.cluster.none(LeaveGroup, 0)
  }
})

test('an identity file that cannot be written costs time at the next kill, not the membership', async () => {
  const scene = new Scene({ identityFile: join(folder, 'no', 'such', 'folder', 'member.json') })
  assert.ok(await scene.member())
})
