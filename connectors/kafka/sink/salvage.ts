/**
 * Writes the records of a lost transaction again, a part of bounded size at a time (R27): keys, values, headers and
 * timestamps as they were, those of a partition in the order of their offsets. Nothing of it is visible before the part
 * is committed, which is for the caller.
 */
import { assert } from '../../../src/common/assert.ts'
import { MillraceError } from '../../../src/common/errors.ts'
import type { SalvagedPart } from '../../../src/ports/transactional-sink.ts'
import type { ClusterAccess, Lane } from '../client/cluster-access.ts'
import type { ProducerIdentity } from '../client/producer.ts'
import type { PartitionRange } from '../client/producer-span.ts'
import type { Sender } from '../client/sender.ts'
import { decodeRecordHeaders, decodeRecords, type RecordSet } from '../codec/record-batch-reader.ts'
import { describeRanges, type KafkaCommittable } from './kafka-committable.ts'
import { lostBatches } from './lost-batches.ts'

/** Of keys, values and headers in one part; the batch that reaches it is still taken whole. */
export const SALVAGE_PART_BYTES = 8 * 1024 * 1024

export interface SalvageParts {
  readonly client: ClusterAccess
  /** Nothing else writes to it meanwhile. */
  readonly sender: Sender
  /** A fresh one (R22). */
  readonly identity: () => Promise<ProducerIdentity>
  readonly partBytes?: number
}

/** @throws MR_TRANSACTION_LOST where records are missing; then nothing of it was written, unless they vanished meanwhile */
export async function salvagePart(parts: SalvageParts, lost: KafkaCommittable): Promise<SalvagedPart> {
  const lane = parts.client.openLane('salvage')
  try {
    // A rest was counted with the whole.
    if (lost.restOf === undefined) await requireAll(parts.client, lane, lost)
    const identity = await parts.identity()
    const { ranges, rest } = await writePart(parts, lane, identity, lost)
    const done = committableOf(identity, ranges)
    const origin = lost.restOf ?? lost.id
    return {
      done,
      rest:
        rest.length === 0 ? null : ({ ...lost, id: `${origin}~${done.id}`, ranges: rest, restOf: origin } as KafkaCommittable),
    }
  } finally {
    lane.close()
  }
}

export function committableOf(identity: ProducerIdentity, ranges: readonly PartitionRange[]): KafkaCommittable {
  const { transactionalId, producerId, producerEpoch } = identity
  assert(transactionalId !== null, 'identities here are transactional')
  const id = `${transactionalId}:${producerId}:${producerEpoch}`
  return { id, transactionalId, producerId, producerEpoch, ranges }
}

/** Before any of it is written again: a part that is visible without the others helps nobody. */
async function requireAll(client: ClusterAccess, lane: Lane, lost: KafkaCommittable): Promise<void> {
  const missing: Missing[] = []
  for (const range of lost.ranges) {
    let left = 0
    for await (const { header } of lostBatches(client, lane, lost, range)) left += header.recordCount
    if (left < range.recordCount) missing.push({ range, left })
  }
  if (missing.length > 0) throw recordsGone(lost, missing)
}

async function writePart(
  { client, sender, partBytes = SALVAGE_PART_BYTES }: SalvageParts,
  lane: Lane,
  identity: ProducerIdentity,
  lost: KafkaCommittable,
): Promise<{ ranges: readonly PartitionRange[]; rest: readonly PartitionRange[] }> {
  const span = sender.use(identity)
  const rest: PartitionRange[] = []
  let bytes = 0
  for (const range of lost.ranges) {
    const appender = sender.builder(range.topic, range.partition)
    let written = 0
    let nextOffset = range.firstOffset
    if (bytes < partBytes) {
      for await (const { header, buffer } of lostBatches(client, lane, lost, range)) {
        const records = decodeRecords(buffer, header)
        for (let index = 0; index < records.count; index++) {
          const key = bytesOf(records, records.keyStart, records.keyEnd, index)
          const value = bytesOf(records, records.valueStart, records.valueEnd, index)
          appender.appendBytes(records.timestamps[index] as number, key, value, decodeRecordHeaders(records, index))
        }
        written += records.count
        nextOffset = header.lastOffset + 1
        bytes += records.buffer.length === buffer.length ? header.byteLength : records.buffer.length
        await sender.whenDrained()
        if (bytes >= partBytes) break
      }
      if (written < range.recordCount && bytes < partBytes) throw recordsGone(lost, [{ range, left: written }])
      assert(written <= range.recordCount, 'a committable counts every record of its transaction')
    }
    if (written < range.recordCount) {
      rest.push({ ...range, firstOffset: nextOffset, recordCount: range.recordCount - written })
    }
  }
  sender.end()
  return { ranges: await span.flushed, rest }
}

function bytesOf(records: RecordSet, starts: Int32Array, ends: Int32Array, index: number): Buffer | null {
  const start = starts[index] as number
  return start < 0 ? null : records.buffer.subarray(start, ends[index] as number)
}

interface Missing {
  readonly range: PartitionRange
  /** How many of its records are there. */
  readonly left: number
}

function recordsGone(lost: KafkaCommittable, missing: readonly Missing[]): MillraceError {
  const found = missing.map(({ range, left }) => `${left} of ${describeRanges([range])}`).join('; ')
  return new MillraceError(
    'MR_TRANSACTION_LOST',
    `Kafka aborted transaction ${lost.restOf ?? lost.id}, and not all of its records are left: ${found}`,
    { details: { transaction: lost.id, missing } },
  )
}
