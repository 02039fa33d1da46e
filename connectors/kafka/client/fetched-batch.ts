import type { BatchHeader } from '../codec/record-batch-reader.ts'
import { RecordSet } from '../codec/record-batch-reader.ts'

/** What `poll` hands out: the records of one batch, or a mere advance of the position. */
export interface FetchedBatch {
  readonly topic: string
  readonly partition: number
  /** As it came from the broker, with producer id, epoch and base sequence; null with `records`. */
  readonly header: BatchHeader | null
  /** Null: nothing for the reader up to `nextOffset` (markers, aborted records, what compaction removed). */
  readonly records: RecordSet | null
  /** Where reading goes on behind this batch, and behind everything skipped on the way to it. */
  readonly nextOffset: number
  readonly highWatermark: number
  /** Below it every transaction is decided. */
  readonly lastStableOffset: number
}

/** Without the records before `offset`: a fetch answers with whole batches, and the asked offset may lie inside one. */
export function dropRecordsBefore(records: RecordSet, offset: number): RecordSet {
  const { count, offsets } = records
  if (count === 0 || (offsets[0] as number) >= offset) return records
  let skip = 1
  while (skip < count && (offsets[skip] as number) < offset) skip++
  const rest = new RecordSet(count - skip, records.buffer)
  rest.offsets.set(offsets.subarray(skip))
  rest.timestamps.set(records.timestamps.subarray(skip))
  rest.keyStart.set(records.keyStart.subarray(skip))
  rest.keyEnd.set(records.keyEnd.subarray(skip))
  rest.valueStart.set(records.valueStart.subarray(skip))
  rest.valueEnd.set(records.valueEnd.subarray(skip))
  rest.headersStart.set(records.headersStart.subarray(skip))
  rest.headersCount.set(records.headersCount.subarray(skip))
  return rest
}
