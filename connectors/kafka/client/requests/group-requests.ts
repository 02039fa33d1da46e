/** Requests of the members of a classic consumer group to its coordinator. No static membership: the instance id is null. */
import type { RequestType } from '../request-type.ts'

export interface GroupProtocol {
  readonly name: string
  /** What the member tells the leader. */
  readonly metadata: Buffer
}

export interface JoinGroupInput {
  readonly groupId: string
  readonly sessionTimeoutMs: number
  /** How long the others may take to join, counted from when the first one asks. */
  readonly rebalanceTimeoutMs: number
  /** Empty: the coordinator gives one with MEMBER_ID_REQUIRED, to ask again with (KIP-394). */
  readonly memberId: string
  readonly protocolType: string
  readonly protocols: readonly GroupProtocol[]
  /** For the broker's log (KIP-800). */
  readonly reason: string
}

export interface JoinGroupAnswer {
  readonly errorCode: number
  readonly generation: number
  /** The protocol that all members have; null before version 7. */
  readonly protocol: string | null
  readonly leader: string
  readonly memberId: string
  /** All members, for the leader; empty for the others. */
  readonly members: ReadonlyArray<{ readonly memberId: string; readonly metadata: Buffer }>
}

export const JoinGroup: RequestType<JoinGroupInput, JoinGroupAnswer> = {
  name: 'JoinGroup',
  apiKey: 11,
  minVersion: 5,
  maxVersion: 9,
  firstFlexibleVersion: 6,
  encode(writer, input, version) {
    writer.string(input.groupId)
    writer.int32(input.sessionTimeoutMs)
    writer.int32(input.rebalanceTimeoutMs)
    writer.string(input.memberId)
    writer.nullableString(null) // group instance id
    writer.string(input.protocolType)
    writer.array(input.protocols, (protocol) => {
      writer.string(protocol.name)
      writer.bytes(protocol.metadata)
      writer.tags()
    })
    if (version >= 8) writer.nullableString(input.reason)
    writer.tags()
  },
  decode(reader, version) {
    reader.int32() // throttle time
    const errorCode = reader.int16()
    const generation = reader.int32()
    if (version >= 7) reader.nullableString() // protocol type
    // Empty in version 5 and 6 where there is an error.
    const protocol = reader.nullableString()
    const leader = reader.string()
    if (version >= 9) reader.boolean() // skip the assignment: for static members
    const memberId = reader.string()
    const members = reader.array(() => {
      const id = reader.string()
      reader.nullableString() // group instance id
      const metadata = reader.bytes()
      reader.tags()
      return { memberId: id, metadata }
    })
    reader.tags()
    return { errorCode, generation, protocol, leader, memberId, members }
  },
}

export interface SyncGroupInput {
  readonly groupId: string
  readonly generation: number
  readonly memberId: string
  readonly protocolType: string
  readonly protocol: string
  /** Of every member, from the leader; empty from the others. */
  readonly assignments: ReadonlyArray<{ readonly memberId: string; readonly assignment: Buffer }>
}

/** Answered when the leader has sent its own. */
export const SyncGroup: RequestType<SyncGroupInput, { errorCode: number; assignment: Buffer }> = {
  name: 'SyncGroup',
  apiKey: 14,
  minVersion: 3,
  maxVersion: 5,
  firstFlexibleVersion: 4,
  encode(writer, input, version) {
    writer.string(input.groupId)
    writer.int32(input.generation)
    writer.string(input.memberId)
    writer.nullableString(null) // group instance id
    if (version >= 5) {
      writer.nullableString(input.protocolType)
      writer.nullableString(input.protocol)
    }
    writer.array(input.assignments, ({ memberId, assignment }) => {
      writer.string(memberId)
      writer.bytes(assignment)
      writer.tags()
    })
    writer.tags()
  },
  decode(reader, version) {
    reader.int32() // throttle time
    const errorCode = reader.int16()
    if (version >= 5) {
      reader.nullableString() // protocol type
      reader.nullableString() // protocol
    }
    const assignment = reader.bytes()
    reader.tags()
    return { errorCode, assignment }
  },
}

/** A member, as of a generation of its group. */
export interface MemberRef {
  readonly groupId: string
  readonly generation: number
  readonly memberId: string
}

export const Heartbeat: RequestType<MemberRef, { errorCode: number }> = {
  name: 'Heartbeat',
  apiKey: 12,
  minVersion: 3,
  maxVersion: 4,
  firstFlexibleVersion: 4,
  encode(writer, input) {
    writer.string(input.groupId)
    writer.int32(input.generation)
    writer.string(input.memberId)
    writer.nullableString(null) // group instance id
    writer.tags()
  },
  decode(reader) {
    reader.int32() // throttle time
    const answer = { errorCode: reader.int16() }
    reader.tags()
    return answer
  },
}

export interface LeaveGroupInput {
  readonly groupId: string
  /** Any member may be taken out by its id, by anybody (KIP-345). */
  readonly memberIds: readonly string[]
  /** For the broker's log (KIP-800). */
  readonly reason: string
}

export interface LeaveGroupAnswer {
  readonly errorCode: number
  readonly members: ReadonlyArray<{ readonly memberId: string; readonly errorCode: number }>
}

export const LeaveGroup: RequestType<LeaveGroupInput, LeaveGroupAnswer> = {
  name: 'LeaveGroup',
  apiKey: 13,
  minVersion: 3,
  maxVersion: 5,
  firstFlexibleVersion: 4,
  encode(writer, input, version) {
    writer.string(input.groupId)
    writer.array(input.memberIds, (memberId) => {
      writer.string(memberId)
      writer.nullableString(null) // group instance id
      if (version >= 5) writer.nullableString(input.reason)
      writer.tags()
    })
    writer.tags()
  },
  decode(reader) {
    reader.int32() // throttle time
    const errorCode = reader.int16()
    const members = reader.array(() => {
      const memberId = reader.string()
      reader.nullableString() // group instance id
      const member = { memberId, errorCode: reader.int16() }
      reader.tags()
      return member
    })
    reader.tags()
    return { errorCode, members }
  },
}

export interface DescribedGroup {
  readonly errorCode: number
  readonly groupId: string
  /** As Kafka names it: Stable, PreparingRebalance, CompletingRebalance, Empty, Dead. */
  readonly state: string
  readonly protocolType: string
  readonly members: ReadonlyArray<{ readonly memberId: string; readonly clientId: string; readonly clientHost: string }>
}

/** At most version 5: from 6 on a group that doesn't exist is an error instead of a dead group (KIP-1043). */
export const DescribeGroups: RequestType<{ readonly groupIds: readonly string[] }, readonly DescribedGroup[]> = {
  name: 'DescribeGroups',
  apiKey: 15,
  minVersion: 4,
  maxVersion: 5,
  firstFlexibleVersion: 5,
  encode(writer, input) {
    writer.array(input.groupIds, (groupId) => writer.string(groupId))
    writer.boolean(false) // authorized operations
    writer.tags()
  },
  decode(reader) {
    reader.int32() // throttle time
    const groups = reader.array(() => {
      const errorCode = reader.int16()
      const groupId = reader.string()
      const state = reader.string()
      const protocolType = reader.string()
      reader.string() // protocol
      const members = reader.array(() => {
        const memberId = reader.string()
        reader.nullableString() // group instance id
        const member = { memberId, clientId: reader.string(), clientHost: reader.string() }
        reader.bytes() // metadata, empty unless the group is stable
        reader.bytes() // assignment
        reader.tags()
        return member
      })
      reader.int32() // authorized operations
      reader.tags()
      return { errorCode, groupId, state, protocolType, members }
    })
    reader.tags()
    return groups
  },
}
