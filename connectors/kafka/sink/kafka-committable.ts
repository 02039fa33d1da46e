/** What names a prepared transaction in Kafka, in checkpoints and in the control log (docs/formats.md). */
import type { Committable } from '../../../src/ports/transactional-sink.ts'
import type { PartitionRange } from '../client/producer-span.ts'

export interface KafkaCommittable extends Committable {
  readonly transactionalId: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly ranges: readonly PartitionRange[]
  /**
   * Only of the rest of a salvaged transaction: the id of the one that was prepared. Identity and ranges are those of
   * its data in the log, the ranges without what has been written again.
   */
  readonly restOf?: string
}

/** For messages: what it wrote, and where. */
export function describeRanges(ranges: readonly PartitionRange[]): string {
  return ranges
    .map(
      ({ topic, partition, firstOffset, lastOffset, recordCount }) =>
        `${recordCount} records to ${topic}/${partition} at offsets ${firstOffset} to ${lastOffset}`,
    )
    .join(', ')
}
