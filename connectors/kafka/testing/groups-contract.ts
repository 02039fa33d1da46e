/** What the coordinator answers to the members of a classic consumer group. */
import assert from 'node:assert/strict'
import { kafkaErrorName } from '../client/kafka-errors.ts'
import {
  DescribeGroups,
  Heartbeat,
  JoinGroup,
  type JoinGroupAnswer,
  LeaveGroup,
  SyncGroup,
} from '../client/requests/group-requests.ts'
import { OffsetCommit, OffsetFetch } from '../client/requests/offset-requests.ts'
import { ContractClient, type KafkaUnderContract } from './contract-kit.ts'

interface JoinOptions {
  readonly metadata?: string
  readonly protocol?: string
  readonly protocolType?: string
  readonly sessionTimeoutMs?: number
  readonly rebalanceTimeoutMs?: number
}

/** A member, its connection and what it knows. */
class Member {
  readonly own: ContractClient
  readonly groupId: string
  readonly options: JoinOptions
  memberId = ''
  generation = -1

  constructor(own: ContractClient, groupId: string, options: JoinOptions = {}) {
    this.own = own
    this.groupId = groupId
    this.options = options
  }

  async ask(more: JoinOptions = {}): Promise<JoinGroupAnswer> {
    const { metadata = 'm', protocol = 'millrace', protocolType = 'consumer', ...timeouts } = { ...this.options, ...more }
    const { groupId, memberId } = this
    const protocols = [{ name: protocol, metadata: Buffer.from(metadata) }]
    const times = { sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 20_000, ...timeouts }
    const input = { groupId, memberId, protocolType, protocols, reason: 'contract', ...times }
    const ask = () => this.own.request({ group: groupId }, JoinGroup, input)
    return this.own.settled({ group: groupId }, ask, ({ errorCode }) => kafkaErrorName(errorCode))
  }

  /** With the member id that the first answer brings. */
  async join(more: JoinOptions = {}): Promise<JoinGroupAnswer> {
    if (this.memberId === '') {
      const answer = await this.ask(more)
      assert.equal(kafkaErrorName(answer.errorCode), 'MEMBER_ID_REQUIRED')
      this.memberId = answer.memberId
    }
    const answer = await this.ask(more)
    this.generation = answer.generation
    return answer
  }

  async sync(assignments: Readonly<Record<string, string>> = {}, generation = this.generation): Promise<string> {
    const { groupId, memberId } = this
    const given = Object.entries(assignments).map(([id, text]) => ({ memberId: id, assignment: Buffer.from(text) }))
    const input = { groupId, generation, memberId, protocolType: 'consumer', protocol: 'millrace', assignments: given }
    return this.settled(async () => {
      const { errorCode, assignment } = await this.own.request({ group: groupId }, SyncGroup, input)
      return errorCode === 0 ? `ok ${assignment}` : kafkaErrorName(errorCode)
    })
  }

  async beat(generation = this.generation): Promise<string> {
    const { groupId, memberId } = this
    return kafkaErrorName((await this.own.request({ group: groupId }, Heartbeat, { groupId, memberId, generation })).errorCode)
  }

  async commit(generation = this.generation, memberId = this.memberId, topic = 'group-offsets'): Promise<string> {
    const { groupId } = this
    const offsets = [{ topic, partition: 0, offset: 42 }]
    return this.settled(async () => {
      const results = await this.own.request({ group: groupId }, OffsetCommit, { groupId, generation, memberId, offsets })
      return kafkaErrorName(results[0]!.errorCode)
    })
  }

  async leave(memberIds: readonly string[] = [this.memberId]): Promise<string> {
    const { groupId } = this
    const { errorCode, members } = await this.own.request({ group: groupId }, LeaveGroup, {
      groupId,
      memberIds,
      reason: 'contract',
    })
    return [errorCode, ...members.map((member) => member.errorCode)].map(kafkaErrorName).join(' ')
  }

  async describe(): Promise<string> {
    const { groupId } = this
    return this.settled(async () => {
      const [group] = await this.own.request({ group: groupId }, DescribeGroups, { groupIds: [groupId] })
      if (group!.errorCode !== 0) return kafkaErrorName(group!.errorCode)
      return `${group!.state} ${group!.protocolType} ${group!.members.length}`
    })
  }

  private settled(ask: () => Promise<string>): Promise<string> {
    return this.own.settled({ group: this.groupId }, ask, (code) => code)
  }
}

export const groupScripts = {
  async 'a member is given an id, joins with it, leads, and is told what it has assigned'(kafka: KafkaUnderContract) {
    const own = await opened(kafka)
    const alone = new Member(own, 'alone')
    assert.equal(await alone.describe(), 'Dead  0')
    const joined = await alone.join()
    assert.deepEqual([joined.errorCode, joined.generation, joined.protocol], [0, 1, 'millrace'])
    assert.equal(joined.leader, alone.memberId)
    assert.deepEqual(
      joined.members.map(({ memberId, metadata }) => [memberId, String(metadata)]),
      [[alone.memberId, 'm']],
    )
    // A new group is shown for certain only once it, or a neighbour of it, has been written.
    assert.ok(['Dead  0', 'CompletingRebalance consumer 1'].includes(await alone.describe()))
    assert.equal(await alone.beat(), 'NONE')
    assert.equal(await alone.commit(), 'REBALANCE_IN_PROGRESS')
    assert.equal(await alone.sync({ [alone.memberId]: 'all' }), 'ok all')
    assert.equal(await alone.sync(), 'ok all')
    assert.equal(await alone.describe(), 'Stable consumer 1')
    assert.equal(await alone.beat(), 'NONE')
    assert.equal(await alone.leave(), 'NONE NONE')
    assert.equal(await alone.describe(), 'Empty consumer 0')
    assert.equal(await alone.beat(), 'UNKNOWN_MEMBER_ID')
  },

  async 'another member makes everybody join again; who follows waits for the leader'(kafka: KafkaUnderContract) {
    const [first, second] = await pair(kafka, 'pair')
    await first.join()
    await first.sync({ [first.memberId]: 'all' })
    const joining = second.join()
    await until(first, async () => (await first.beat()) === 'REBALANCE_IN_PROGRESS')
    assert.equal(await first.sync(), 'REBALANCE_IN_PROGRESS')
    assert.equal(await first.commit(), 'NONE')
    const [mine, theirs] = await Promise.all([first.join(), joining])
    assert.deepEqual([mine.generation, theirs.generation], [2, 2])
    assert.deepEqual([mine.leader, theirs.leader], [first.memberId, first.memberId])
    assert.deepEqual([mine.members.length, theirs.members.length], [2, 0])
    const following = second.sync()
    assert.equal(await first.describe(), 'CompletingRebalance consumer 2')
    assert.equal(await first.sync({ [first.memberId]: 'a', [second.memberId]: 'b' }), 'ok a')
    assert.equal(await following, 'ok b')
    assert.equal(await first.beat(1), 'ILLEGAL_GENERATION')
    assert.equal(await first.sync({}, 1), 'ILLEGAL_GENERATION')
    assert.equal(await first.commit(1), 'ILLEGAL_GENERATION')
    assert.equal(await first.commit(), 'NONE')
  },

  async 'a follower that joins again with nothing new gets what it had; the leader, or news, begins a new generation'(
    kafka: KafkaUnderContract,
  ) {
    const [leader, follower] = await stablePair(kafka, 'again-group')
    const { generation } = leader
    assert.equal((await follower.join()).generation, generation)
    assert.equal(await leader.beat(), 'NONE')
    const rejoining = leader.join()
    await until(follower, async () => (await follower.beat()) === 'REBALANCE_IN_PROGRESS')
    await Promise.all([rejoining, follower.join()])
    assert.equal(leader.generation, generation + 1)
    await settle(leader, follower)
    const withNews = follower.join({ metadata: 'news' })
    await until(leader, async () => (await leader.beat()) === 'REBALANCE_IN_PROGRESS')
    const told = await leader.join()
    await withNews
    assert.equal(leader.generation, generation + 2)
    const ofFollower = told.members.find(({ memberId }) => memberId === follower.memberId)
    assert.equal(String(ofFollower?.metadata), 'news')
  },

  async 'anybody may take a member out by its id; the others join again'(kafka: KafkaUnderContract) {
    const [leader, follower] = await stablePair(kafka, 'taken-out')
    assert.equal(await leader.leave([follower.memberId, 'nobody']), 'NONE NONE UNKNOWN_MEMBER_ID')
    assert.equal(await follower.beat(), 'UNKNOWN_MEMBER_ID')
    assert.equal(await follower.commit(), 'UNKNOWN_MEMBER_ID')
    assert.equal(kafkaErrorName((await follower.ask()).errorCode), 'UNKNOWN_MEMBER_ID')
    assert.equal(await leader.beat(), 'REBALANCE_IN_PROGRESS')
    const joined = await leader.join()
    assert.deepEqual([joined.generation, joined.members.length], [3, 1])
  },

  async 'the generation goes on counting while the group is empty'(kafka: KafkaUnderContract) {
    const own = await opened(kafka)
    const first = new Member(own, 'counting')
    await first.join()
    await first.sync()
    await first.leave()
    const next = new Member(own, 'counting')
    assert.equal((await next.join()).generation, 3)
  },

  async 'who does not join in time is left out, and so is who sends no heartbeats'(kafka: KafkaUnderContract) {
    const [leader, follower] = await stablePair(kafka, 'late', { sessionTimeoutMs: 6_000, rebalanceTimeoutMs: 1_000 })
    const { clock } = leader.own.client
    const { generation } = leader
    // The leader wants to join again, the follower only beats.
    let isJoined = false
    const joining = leader.join().finally(() => (isJoined = true))
    while (!isJoined) {
      await follower.beat()
      await clock.sleep(100)
    }
    const joined = await joining
    assert.deepEqual([joined.generation, joined.members.length], [generation + 1, 1])
    assert.equal(await follower.beat(), 'UNKNOWN_MEMBER_ID')
    await leader.sync()
    assert.equal(await leader.describe(), 'Stable consumer 1')
    const silentSinceMs = clock.monotonicMs()
    await until(leader, async () => (await leader.describe()) === 'Empty consumer 0')
    assert.ok(clock.monotonicMs() - silentSinceMs > 5_000)
    assert.equal(await leader.beat(), 'UNKNOWN_MEMBER_ID')
  },

  async 'offsets are committed by members of the generation, and by anybody while there are none'(kafka: KafkaUnderContract) {
    const own = await opened(kafka)
    const member = new Member(own, 'committing')
    const committed = async () => {
      const partitions = [{ topic: 'group-offsets', partition: 0 }]
      const { errorCode, offsets } = await own.request({ group: 'committing' }, OffsetFetch, {
        groupId: 'committing',
        partitions,
      })
      return [errorCode, offsets[0]!.errorCode, offsets[0]!.offset]
    }
    assert.deepEqual(await committed(), [0, 0, -1])
    assert.equal(await member.commit(-1, ''), 'NONE')
    assert.deepEqual(await committed(), [0, 0, 42])
    assert.equal(await member.commit(-1, '', 'not there'), 'UNKNOWN_TOPIC_OR_PARTITION')
    assert.equal(await member.commit(5, 'nobody'), 'UNKNOWN_MEMBER_ID')
    assert.equal(await new Member(own, 'not there').commit(5, 'nobody'), 'ILLEGAL_GENERATION')
    await member.join()
    await member.sync()
    assert.equal(await member.commit(-1, ''), 'UNKNOWN_MEMBER_ID')
    assert.equal(await member.commit(), 'NONE')
    assert.equal(await member.commit(member.generation, 'nobody'), 'UNKNOWN_MEMBER_ID')
    await member.leave()
    assert.equal(await member.commit(-1, ''), 'NONE')
  },

  async 'a group takes only members that speak its protocol, with a session that the brokers allow'(kafka: KafkaUnderContract) {
    const own = await opened(kafka)
    const short = new Member(own, 'speaking')
    assert.equal(kafkaErrorName((await short.ask({ sessionTimeoutMs: 100 })).errorCode), 'INVALID_SESSION_TIMEOUT')
    const member = new Member(own, 'speaking')
    await member.join()
    await member.sync()
    const other = new Member(own, 'speaking')
    assert.equal(kafkaErrorName((await other.ask({ protocol: 'range' })).errorCode), 'INCONSISTENT_GROUP_PROTOCOL')
    assert.equal(kafkaErrorName((await other.ask({ protocolType: 'connect' })).errorCode), 'INCONSISTENT_GROUP_PROTOCOL')
    other.memberId = 'made up'
    assert.equal(kafkaErrorName((await other.ask()).errorCode), 'UNKNOWN_MEMBER_ID')
    const nowhere = new Member(own, 'nowhere')
    nowhere.memberId = 'made up'
    assert.equal(kafkaErrorName((await nowhere.ask()).errorCode), 'UNKNOWN_MEMBER_ID')
  },

  async 'a stable group survives its coordinator'(kafka: KafkaUnderContract) {
    const own = await opened(kafka)
    const before = new Member(own, 'surviving')
    await before.join()
    await before.sync({ [before.memberId]: 'all' })
    await kafka.restart('crash')
    const after = new Member(await opened(kafka), 'surviving')
    after.memberId = before.memberId
    after.generation = before.generation
    // While the coordinator loads it says yes to every heartbeat.
    await until(after, async () => (await after.beat()) === 'NONE')
    assert.equal(await after.sync(), 'ok all')
    assert.equal(await after.beat(), 'NONE')
    assert.equal(await after.beat(7), 'ILLEGAL_GENERATION')
  },
}

async function opened(kafka: KafkaUnderContract): Promise<ContractClient> {
  const own = new ContractClient(await kafka.connect('contract'))
  await own.createTopic('group-offsets')
  return own
}

async function pair(kafka: KafkaUnderContract, groupId: string, options: JoinOptions = {}): Promise<[Member, Member]> {
  return [new Member(await opened(kafka), groupId, options), new Member(await opened(kafka), groupId, options)]
}

/** The first one leads. */
async function stablePair(kafka: KafkaUnderContract, groupId: string, options: JoinOptions = {}): Promise<[Member, Member]> {
  const [leader, follower] = await pair(kafka, groupId, options)
  await leader.join()
  await leader.sync()
  const joining = follower.join()
  await until(leader, async () => (await leader.beat()) === 'REBALANCE_IN_PROGRESS')
  await Promise.all([leader.join(), joining])
  await settle(leader, follower)
  return [leader, follower]
}

async function settle(leader: Member, follower: Member): Promise<void> {
  const following = follower.sync()
  await leader.sync({ [leader.memberId]: 'a', [follower.memberId]: 'b' })
  await following
}

async function until(member: Member, condition: () => Promise<boolean>): Promise<void> {
  const { clock } = member.own.client
  const deadlineMs = clock.monotonicMs() + 20_000
  while (!(await condition())) {
    assert.ok(clock.monotonicMs() < deadlineMs, 'it happens within 20 s')
    await clock.sleep(50)
  }
}
