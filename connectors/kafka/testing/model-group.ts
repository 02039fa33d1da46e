/**
 * One classic consumer group of the Kafka model, after the coordinator of Kafka 4.1:
 *
 *     Empty ─join→ PreparingRebalance ─all have joined, or the time is up→ CompletingRebalance ─leader's sync→ Stable
 *
 * A group is written to the coordinator's log when the leader's assignment is, and when it becomes empty. A coordinator
 * that takes over between join and sync goes back to the generation before, and gives the same number out again (R3).
 */
import type { Simulation } from '../../../src/testing/simulator/simulation.ts'
import { KafkaCode } from '../client/kafka-errors.ts'
import type {
  DescribedGroup,
  JoinGroupAnswer,
  JoinGroupInput,
  MemberRef,
  SyncGroupInput,
} from '../client/requests/group-requests.ts'
import type { ModelCall } from './model-broker.ts'

type State = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable'

interface Member {
  readonly memberId: string
  readonly clientId: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: JoinGroupInput['protocols']
  assignment: Buffer
  joining: ModelCall<JoinGroupAnswer> | null
  syncing: ModelCall<{ errorCode: number; assignment: Buffer }> | null
  cancelSession: () => void
}

interface WrittenGroup {
  readonly generation: number
  readonly leader: string
  readonly members: ReadonlyMap<string, Member>
}

const NOTHING = Buffer.alloc(0)

export interface GroupTimes {
  /** group.initial.rebalance.delay.ms */
  initialDelayMs: number
  /** Of the group into the coordinator's log, at most. */
  writeMs: number
  /** group.min.session.timeout.ms and group.max.session.timeout.ms; Kafka's defaults. */
  sessionTimeoutMs: { least: number; most: number }
}

export class ModelGroup {
  readonly groupId: string
  private readonly simulation: Simulation
  private readonly times: GroupTimes
  private readonly random: () => number
  private state: State = 'Empty'
  private generation = 0
  private protocolType = ''
  private leader = ''
  private members = new Map<string, Member>()
  /** Given an id, not joined with it yet (KIP-394). */
  private readonly pending = new Map<string, () => void>()
  private cancelJoin: () => void = () => {}
  private cancelSync: () => void = () => {}
  private written: WrittenGroup = { generation: 0, leader: '', members: new Map() }
  /** Counts the coordinators: what one had begun to write is lost with it. */
  private term = 0
  /** To describe: for certain once it has been written; before that if a neighbour in the coordinator's log has been. */
  private isShown: boolean
  private ids = 0

  constructor(groupId: string, simulation: Simulation, times: GroupTimes, random: () => number) {
    this.groupId = groupId
    this.simulation = simulation
    this.times = times
    this.random = random
    this.isShown = random() < 0.5
  }

  get isEmpty(): boolean {
    return this.state === 'Empty' && this.members.size === 0 && this.pending.size === 0
  }

  join(input: JoinGroupInput, call: ModelCall<JoinGroupAnswer>): void {
    const { memberId } = input
    if (!this.supports(input)) {
      refuseJoin(call, KafkaCode.inconsistentGroupProtocol, memberId)
    } else if (memberId === '') {
      refuseJoin(call, KafkaCode.memberIdRequired, this.give(call.clientId, input.sessionTimeoutMs))
    } else if (this.takePending(memberId)) {
      this.add(input, call)
    } else {
      const member = this.members.get(memberId)
      if (member === undefined) refuseJoin(call, KafkaCode.unknownMemberId, memberId)
      else this.joinAgain(member, input, call)
    }
  }

  sync(input: SyncGroupInput, call: ModelCall<{ errorCode: number; assignment: Buffer }>): void {
    const refusal = this.refusalOfSync(input)
    const member = this.members.get(input.memberId)
    if (refusal !== 0 || member === undefined) {
      call.reply({ errorCode: refusal, assignment: NOTHING })
    } else if (this.state === 'Stable') {
      this.keepAlive(member)
      call.reply({ errorCode: 0, assignment: member.assignment })
    } else {
      member.syncing = call
      if (input.memberId === this.leader) this.writeAssignments(input)
    }
  }

  heartbeat(ref: MemberRef): number {
    const refusal = this.check(ref)
    if (refusal !== 0) return refusal
    if (this.state === 'Empty') return KafkaCode.unknownMemberId
    this.keepAlive(this.members.get(ref.memberId)!)
    return this.state === 'PreparingRebalance' ? KafkaCode.rebalanceInProgress : 0
  }

  leave(memberId: string): number {
    if (this.removePending(memberId)) return 0
    const member = this.members.get(memberId)
    if (member === undefined) return KafkaCode.unknownMemberId
    this.remove(member)
    return 0
  }

  /** The error with which a commit of offsets is refused. */
  checkCommit({ generation, memberId }: Pick<MemberRef, 'generation' | 'memberId'>): number {
    if (generation < 0 && this.state === 'Empty') return 0
    if (generation < 0 && memberId === '') return KafkaCode.unknownMemberId
    const refusal = this.check({ generation, memberId })
    if (refusal !== 0) return refusal
    this.keepAlive(this.members.get(memberId)!)
    return this.state === 'CompletingRebalance' ? KafkaCode.rebalanceInProgress : 0
  }

  /** Undefined: it isn't shown yet. */
  describe(): DescribedGroup | undefined {
    if (!this.isShown) return undefined
    return {
      errorCode: 0,
      groupId: this.groupId,
      state: this.state,
      protocolType: this.protocolType,
      members: [...this.members.values()].map(({ memberId, clientId }) => ({ memberId, clientId, clientHost: '/127.0.0.1' })),
    }
  }

  /** By offsets that it commits without members. */
  wroteOffsets(): void {
    this.isShown = true
  }

  /** Another coordinator has taken over: what wasn't written is forgotten. */
  reload(): void {
    this.term++
    for (const member of this.members.values()) member.cancelSession()
    for (const cancel of this.pending.values()) cancel()
    this.pending.clear()
    this.cancelJoin()
    this.cancelSync()
    const { generation, leader, members } = this.written
    this.generation = generation
    this.leader = leader
    this.state = members.size === 0 ? 'Empty' : 'Stable'
    this.members = new Map([...members].map(([id, member]) => [id, { ...member, joining: null, syncing: null }]))
    for (const member of this.members.values()) this.keepAlive(member)
  }

  /** A new member's id: it is to join with that (KIP-394). */
  private give(clientId: string, sessionTimeoutMs: number): string {
    const memberId = `${clientId}-${++this.ids}-${Math.floor(this.random() * 2 ** 32).toString(16)}`
    const expire = () => this.removePending(memberId)
    this.pending.set(memberId, this.simulation.after(null, sessionTimeoutMs, 'pending member expires', expire))
    return memberId
  }

  private joinAgain(member: Member, input: JoinGroupInput, call: ModelCall<JoinGroupAnswer>): void {
    const isSame = sameProtocols(member.protocols, input.protocols)
    const isLeaderOfStable = this.state === 'Stable' && member.memberId === this.leader
    // A repeat of a join whose answer was lost: nothing changes.
    const isRepeat = isSame && !isLeaderOfStable && (this.state === 'CompletingRebalance' || this.state === 'Stable')
    if (isRepeat) call.reply(this.joined(member))
    else this.rejoin(member, input, call)
  }

  private refusalOfSync(input: SyncGroupInput): number {
    const refusal = this.check(input)
    if (refusal !== 0) return refusal
    if (this.state === 'Empty') return KafkaCode.unknownMemberId
    return this.state === 'PreparingRebalance' ? KafkaCode.rebalanceInProgress : 0
  }

  private supports({ protocolType, protocols }: JoinGroupInput): boolean {
    if (this.state === 'Empty' && this.members.size === 0) return protocolType !== '' && protocols.length > 0
    if (protocolType !== this.protocolType) return false
    const isKnownToAll = (name: string) =>
      [...this.members.values()].every((member) => member.protocols.some((one) => one.name === name))
    return protocols.some(({ name }) => isKnownToAll(name))
  }

  private check({ memberId, generation }: Pick<MemberRef, 'generation' | 'memberId'>): number {
    if (!this.members.has(memberId)) return KafkaCode.unknownMemberId
    return generation === this.generation ? 0 : KafkaCode.illegalGeneration
  }

  private add(input: JoinGroupInput, call: ModelCall<JoinGroupAnswer>): void {
    const { memberId, sessionTimeoutMs, rebalanceTimeoutMs, protocols } = input
    if (this.members.size === 0) this.protocolType = input.protocolType
    const member: Member = {
      memberId,
      clientId: call.clientId,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
      protocols,
      assignment: NOTHING,
      joining: null,
      syncing: null,
      cancelSession: () => {},
    }
    if (this.leader === '') this.leader = memberId
    this.members.set(memberId, member)
    this.rejoin(member, input, call)
  }

  private rejoin(member: Member, input: JoinGroupInput, call: ModelCall<JoinGroupAnswer>): void {
    member.protocols = input.protocols
    member.sessionTimeoutMs = input.sessionTimeoutMs
    member.rebalanceTimeoutMs = input.rebalanceTimeoutMs
    // A join that waits already is answered by this one: its connection is gone.
    member.joining = call
    member.cancelSession()
    if (this.state === 'PreparingRebalance') this.completeJoinIfAll()
    else this.prepareRebalance()
  }

  private prepareRebalance(): void {
    const isInitial = this.state === 'Empty'
    if (this.state === 'CompletingRebalance') this.refuseSyncs(KafkaCode.rebalanceInProgress)
    this.cancelSync()
    this.state = 'PreparingRebalance'
    const waitMs = isInitial
      ? this.times.initialDelayMs
      : Math.max(0, ...[...this.members.values()].map((member) => member.rebalanceTimeoutMs))
    this.cancelJoin = this.simulation.after(null, waitMs, 'rebalance time is up', () => this.completeJoin())
    if (!isInitial) this.completeJoinIfAll()
  }

  private completeJoinIfAll(): void {
    if (this.pending.size > 0) return
    for (const member of this.members.values()) if (member.joining === null) return
    this.completeJoin()
  }

  private completeJoin(): void {
    if (this.state !== 'PreparingRebalance') return
    this.cancelJoin()
    for (const member of [...this.members.values()]) if (member.joining === null) this.drop(member)
    this.generation++
    if (this.members.size === 0) {
      this.state = 'Empty'
      this.leader = ''
      this.write(new Map())
      return
    }
    if (!this.members.has(this.leader)) this.leader = [...this.members.keys()][0]!
    this.state = 'CompletingRebalance'
    const { generation } = this
    for (const member of this.members.values()) {
      const { joining } = member
      member.joining = null
      this.keepAlive(member)
      joining?.reply(this.joined(member))
    }
    const waitMs = Math.max(...[...this.members.values()].map((member) => member.rebalanceTimeoutMs))
    this.cancelSync = this.simulation.after(null, waitMs, 'sync time is up', () => {
      if (this.state !== 'CompletingRebalance' || this.generation !== generation) return
      for (const member of [...this.members.values()]) if (member.syncing === null) this.drop(member)
      this.prepareRebalance()
    })
  }

  private joined(member: Member): JoinGroupAnswer {
    const protocol = member.protocols[0]?.name ?? ''
    const isLeader = member.memberId === this.leader
    const all = [...this.members.values()].map(({ memberId, protocols }) => ({
      memberId,
      metadata: protocols.find((one) => one.name === protocol)?.metadata ?? NOTHING,
    }))
    return {
      errorCode: 0,
      generation: this.generation,
      protocol,
      leader: this.leader,
      memberId: member.memberId,
      members: isLeader ? all : [],
    }
  }

  private writeAssignments({ assignments }: SyncGroupInput): void {
    const { generation } = this
    const given = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]))
    const { term } = this
    this.simulation.after(null, this.random() * this.times.writeMs, 'coordinator writes a group', () => {
      if (this.term !== term || this.state !== 'CompletingRebalance' || this.generation !== generation) return
      for (const member of this.members.values()) member.assignment = given.get(member.memberId) ?? NOTHING
      this.write(this.members)
      this.state = 'Stable'
      this.cancelSync()
      for (const member of this.members.values()) {
        const { syncing } = member
        member.syncing = null
        if (syncing === null) continue
        this.keepAlive(member)
        syncing.reply({ errorCode: 0, assignment: member.assignment })
      }
    })
  }

  private write(members: ReadonlyMap<string, Member>): void {
    const { generation, leader } = this
    this.isShown = true
    this.written = { generation, leader, members: new Map([...members].map(([id, member]) => [id, { ...member }])) }
  }

  private refuseSyncs(errorCode: number): void {
    for (const member of this.members.values()) {
      member.syncing?.reply({ errorCode, assignment: NOTHING })
      member.syncing = null
      member.assignment = NOTHING
    }
  }

  /** The session begins anew. While a join waits it doesn't run out. */
  private keepAlive(member: Member): void {
    member.cancelSession()
    if (member.joining !== null) return
    member.cancelSession = this.simulation.after(null, member.sessionTimeoutMs, 'session is over', () => {
      if (this.members.get(member.memberId) === member && member.joining === null && member.syncing === null)
        this.remove(member)
    })
  }

  private remove(member: Member): void {
    this.drop(member)
    if (this.state === 'PreparingRebalance') this.completeJoinIfAll()
    else if (this.state !== 'Empty') this.prepareRebalance()
  }

  private drop(member: Member): void {
    member.cancelSession()
    this.members.delete(member.memberId)
    if (member.memberId === this.leader) this.leader = [...this.members.keys()][0] ?? ''
    if (member.joining !== null) refuseJoin(member.joining, KafkaCode.unknownMemberId, member.memberId)
    member.syncing?.reply({ errorCode: KafkaCode.unknownMemberId, assignment: NOTHING })
    member.joining = null
    member.syncing = null
  }

  private takePending(memberId: string): boolean {
    this.pending.get(memberId)?.()
    return this.pending.delete(memberId)
  }

  private removePending(memberId: string): boolean {
    if (!this.takePending(memberId)) return false
    if (this.state === 'PreparingRebalance') this.completeJoinIfAll()
    return true
  }
}

function refuseJoin(call: ModelCall<JoinGroupAnswer>, errorCode: number, memberId: string): void {
  call.reply({ errorCode, generation: -1, protocol: null, leader: '', memberId, members: [] })
}

function sameProtocols(a: JoinGroupInput['protocols'], b: JoinGroupInput['protocols']): boolean {
  return a.length === b.length && a.every((one, i) => one.name === b[i]!.name && one.metadata.equals(b[i]!.metadata))
}
