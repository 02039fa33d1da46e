/** The group coordinator of the Kafka model: consumer groups and the offsets that they commit. */
import type { Simulation } from '../../../src/testing/simulator/simulation.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import {
  DescribeGroups,
  Heartbeat,
  JoinGroup,
  type JoinGroupAnswer,
  type JoinGroupInput,
  LeaveGroup,
  SyncGroup,
} from '../client/requests/group-requests.ts'
import {
  OffsetCommit,
  type OffsetCommitInput,
  OffsetFetch,
  type OffsetFetchInput,
  type TopicPartition,
} from '../client/requests/offset-requests.ts'
import type { ModelBroker, ModelCall, ModelHandlers } from './model-broker.ts'
import { type GroupTimes, ModelGroup } from './model-group.ts'
import type { ModelTopics } from './model-topics.ts'

export class ModelGroups {
  readonly times: GroupTimes = { initialDelayMs: 0, writeMs: 1, sessionTimeoutMs: { least: 6_000, most: 1_800_000 } }
  private readonly simulation: Simulation
  private readonly topics: ModelTopics
  private readonly random: () => number
  private readonly refuse: (broker: ModelBroker, groupId: string) => number
  private readonly groups = new Map<string, ModelGroup>()
  /** Group → topic:partition → offset. */
  private readonly offsets = new Map<string, Map<string, number>>()

  constructor(simulation: Simulation, topics: ModelTopics, refuse: (broker: ModelBroker, groupId: string) => number) {
    this.simulation = simulation
    this.topics = topics
    this.refuse = refuse
    const random = simulation.random.fork()
    this.random = () => random.next()
  }

  register(handlers: ModelHandlers): void {
    handlers.on(JoinGroup, (input, call) => this.join(input, call))
    handlers.on(SyncGroup, (input, call) => {
      const errorCode = this.refuse(call.broker, input.groupId)
      const group = this.groups.get(input.groupId)
      if (errorCode === 0 && group !== undefined) group.sync(input, call)
      else call.reply({ errorCode: errorCode || KafkaCode.unknownMemberId, assignment: Buffer.alloc(0) })
    })
    handlers.on(Heartbeat, (input, call) => {
      const refusal = this.refuse(call.broker, input.groupId)
      const group = this.groups.get(input.groupId)
      const errorCode = refusal || (group?.heartbeat(input) ?? KafkaCode.unknownMemberId)
      // While it loads it says yes to everybody.
      call.reply({ errorCode: refusal === KafkaCode.coordinatorLoadInProgress ? 0 : errorCode })
    })
    handlers.on(LeaveGroup, (input, call) => {
      const errorCode = this.refuse(call.broker, input.groupId)
      const group = this.groups.get(input.groupId)
      const leave = (memberId: string) => group?.leave(memberId) ?? KafkaCode.unknownMemberId
      const members = errorCode === 0 ? input.memberIds.map((memberId) => ({ memberId, errorCode: leave(memberId) })) : []
      call.reply({ errorCode, members })
    })
    handlers.on(DescribeGroups, (input, call) => {
      call.reply(
        input.groupIds.map((groupId) => {
          const errorCode = this.refuse(call.broker, groupId)
          if (errorCode !== 0) return { errorCode, groupId, state: '', protocolType: '', members: [] }
          const dead = { errorCode: 0, groupId, state: 'Dead', protocolType: '', members: [] }
          return this.groups.get(groupId)?.describe() ?? dead
        }),
      )
    })
    handlers.on(OffsetCommit, (input, call) => call.reply(this.commit(input, call.broker)))
    handlers.on(OffsetFetch, (input, call) => call.reply(this.fetch(input, call.broker)))
  }

  reload(isCoordinated: (groupId: string) => boolean): void {
    for (const group of this.groups.values()) if (isCoordinated(group.groupId)) group.reload()
  }

  /** Kafka removes an empty group whose offsets have expired; the next one of the name counts generations from 1 again. */
  expire(groupId: string): void {
    if (this.groups.get(groupId)?.isEmpty !== true) return
    this.groups.delete(groupId)
    this.offsets.delete(groupId)
  }

  private join(input: JoinGroupInput, call: ModelCall<JoinGroupAnswer>): void {
    const { memberId } = input
    const errorCode = this.refusalOfJoin(input, call.broker)
    if (errorCode === 0) this.groupFor(input.groupId).join(input, call)
    else call.reply({ errorCode, generation: -1, protocol: null, leader: '', memberId, members: [] })
  }

  private refusalOfJoin({ groupId, memberId, sessionTimeoutMs }: JoinGroupInput, broker: ModelBroker): number {
    const refusal = this.refuse(broker, groupId)
    if (refusal !== 0) return refusal
    const { least, most } = this.times.sessionTimeoutMs
    const isAllowed = sessionTimeoutMs >= least && sessionTimeoutMs <= most
    if (!isAllowed) return KafkaCode.invalidSessionTimeout
    return memberId !== '' && !this.groups.has(groupId) ? KafkaCode.unknownMemberId : 0
  }

  private groupFor(groupId: string): ModelGroup {
    let group = this.groups.get(groupId)
    if (group === undefined) {
      group = new ModelGroup(groupId, this.simulation, this.times, this.random)
      this.groups.set(groupId, group)
    }
    return group
  }

  private commit(input: OffsetCommitInput, broker: ModelBroker) {
    const isThere = ({ topic, partition }: TopicPartition) => this.topics.partition(topic, partition) !== undefined
    const errorCode = this.refuse(broker, input.groupId) || this.refusalOfCommit(input)
    const offsets = this.offsets.get(input.groupId) ?? new Map<string, number>()
    this.offsets.set(input.groupId, offsets)
    return input.offsets.map(({ topic, partition, offset }) => {
      if (!isThere({ topic, partition })) return { topic, partition, errorCode: KafkaCode.unknownTopicOrPartition }
      if (errorCode === 0) this.groups.get(input.groupId)?.wroteOffsets()
      if (errorCode === 0) offsets.set(`${topic}:${partition}`, offset)
      return { topic, partition, errorCode }
    })
  }

  private refusalOfCommit(input: OffsetCommitInput): number {
    const group = this.groups.get(input.groupId)
    if (group !== undefined) return group.checkCommit(input)
    if (input.generation >= 0) return KafkaCode.illegalGeneration
    // A commit by no member makes a group, with nobody in it.
    this.groupFor(input.groupId)
    return 0
  }

  private fetch(input: OffsetFetchInput, broker: ModelBroker) {
    const errorCode = this.refuse(broker, input.groupId)
    const offsets = this.offsets.get(input.groupId)
    return {
      errorCode,
      offsets: input.partitions.map(({ topic, partition }) => ({
        topic,
        partition,
        offset: errorCode === 0 ? (offsets?.get(`${topic}:${partition}`) ?? -1) : -1,
        errorCode,
      })),
    }
  }
}
