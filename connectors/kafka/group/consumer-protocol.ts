/**
 * What consumers tell each other through the group, in the format of Kafka's own consumers (ConsumerProtocol, version 0),
 * so that `kafka-consumer-groups.sh --describe` and lag exporters can read it. Later versions add what concerns Kafka's
 * own assignors alone.
 */
import type { AssignedPartitions } from '../../../src/ports/group-membership.ts'
import { WireReader, WireWriter } from '../client/wire.ts'

export const PROTOCOL_TYPE = 'consumer'
/** Of the one protocol that our members have: Kafka lets nobody into the group who hasn't got it. */
export const PROTOCOL_NAME = 'millrace'

const VERSION = 0

export function encodeSubscription(topics: readonly string[], userData: Buffer): Buffer {
  const writer = new WireWriter(false)
  writer.int16(VERSION)
  writer.array(topics, (topic) => writer.string(topic))
  writer.bytes(userData)
  return Buffer.concat(writer.chunks())
}

/** Any version: later ones begin alike. Throws on anything else. */
export function decodeSubscription(bytes: Buffer): { readonly topics: readonly string[]; readonly userData: Buffer } {
  const reader = new WireReader(bytes, false)
  reader.int16() // version
  return { topics: reader.array(() => reader.string()), userData: reader.bytes() }
}

export function encodeAssignment(assigned: readonly AssignedPartitions[]): Buffer {
  const writer = new WireWriter(false)
  writer.int16(VERSION)
  writer.array(assigned, ({ topic, partitions }) => {
    writer.string(topic)
    writer.array(partitions, (partition) => writer.int32(partition))
  })
  writer.bytes(Buffer.alloc(0)) // user data
  return Buffer.concat(writer.chunks())
}

export function decodeAssignment(bytes: Buffer): readonly AssignedPartitions[] {
  const reader = new WireReader(bytes, false)
  reader.int16() // version
  return reader.array(() => ({ topic: reader.string(), partitions: reader.array(() => reader.int32()) }))
}
