import { KafkaCode } from './kafka-errors.ts'
import type { RequestType, VersionRange } from './request-type.ts'

export interface BrokerVersions {
  readonly errorCode: number
  /** By API key. */
  readonly ranges: ReadonlyMap<number, VersionRange>
  /** Features that the whole cluster has switched on, by name: `metadata.version`, `transaction.version` … */
  readonly features: ReadonlyMap<string, number>
}

/** Which versions of which requests a broker speaks (KIP-35, KIP-511, KIP-584). */
export const ApiVersions: RequestType<null, BrokerVersions> = {
  name: 'ApiVersions',
  apiKey: 18,
  minVersion: 0,
  maxVersion: 3,
  firstFlexibleVersion: 3,
  encode(writer, _input, version) {
    if (version < 3) return
    writer.string('millrace')
    writer.string('0')
    writer.tags()
  },
  decode(reader, version) {
    const errorCode = reader.int16()
    const ranges = new Map<number, VersionRange>()
    // A broker that doesn't know the version asked answers in version 0: ask again in that one.
    if (errorCode === KafkaCode.unsupportedVersion) return { errorCode, ranges, features: new Map() }
    reader.array(() => {
      const key = reader.int16()
      const min = reader.int16()
      const max = reader.int16()
      ranges.set(key, { min, max })
      reader.tags()
    })
    const features = new Map<string, number>()
    if (version >= 1 && reader.remaining >= 4) reader.int32() // throttle time
    reader.tags((tag, value) => {
      if (tag !== 2) return // finalized features
      value.array(() => {
        const name = value.string()
        features.set(name, value.int16())
        value.int16()
        value.tags()
      })
    })
    return { errorCode, ranges, features }
  },
}

const ADD_PARTITIONS_TO_TXN = 24

/**
 * KIP-890, part 1: the brokers refuse records of a transaction that isn't open, so that none can hang for ever. Since
 * Kafka 3.6; the version of AddPartitionsToTxn by which brokers ask one another came with it.
 */
export function hasTransactionVerification(versions: BrokerVersions): boolean {
  return (versions.ranges.get(ADD_PARTITIONS_TO_TXN)?.max ?? 0) >= 4
}
