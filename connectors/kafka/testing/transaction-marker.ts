/** The control batch that ends a transaction in a partition, as a broker writes it. */
import { ATTRIBUTES_AT, BASE_OFFSET_AT, CONTROL_FLAG, writeInt64 } from '../codec/batch-format.ts'
import { RecordBatchBuilder, stampBatch } from '../codec/record-batch-builder.ts'

export interface MarkerInput {
  readonly baseOffset: number
  readonly timestampMs: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly isCommit: boolean
}

const builder = new RecordBatchBuilder(256)

export function transactionMarker(input: MarkerInput): Buffer {
  const key = Buffer.from([0, 0, 0, input.isCommit ? 1 : 0]) // version, type
  builder.appendBytes(input.timestampMs, key, Buffer.alloc(6)) // version, the coordinator's epoch
  const sealed = builder.seal('none')
  const { buffer } = sealed
  writeInt64(buffer, BASE_OFFSET_AT, input.baseOffset)
  buffer.writeInt16BE(buffer.readInt16BE(ATTRIBUTES_AT) | CONTROL_FLAG, ATTRIBUTES_AT)
  const { producerId, producerEpoch } = input
  stampBatch(sealed, { producerId, producerEpoch, baseSequence: -1, isTransactional: true })
  return buffer
}
