/** The control log of the simulated job, as its partition holds it. */
import { RecordBatchBuilder, stampBatch } from '../../../connectors/kafka/codec/record-batch-builder.ts'
import { decodeRecords } from '../../../connectors/kafka/codec/record-batch-reader.ts'
import type { KafkaModel } from '../../../connectors/kafka/testing/kafka-model.ts'
import { type ControlRecord, decodeControlRecord, encodeControlRecord } from '../../checkpoint/protocol/control-records.ts'
import { LogView } from '../../checkpoint/protocol/log-view.ts'
import { defined } from '../../common/assert.ts'
import { APPLICATION } from './transfer-job.ts'

export interface FoldedRecord {
  readonly offset: number
  readonly record: ControlRecord
  readonly isValid: boolean
}

export interface FoldedLog {
  readonly view: LogView
  readonly records: readonly FoldedRecord[]
}

/** @param onValid told of each valid record, behind which the view stands */
export function foldControlTopic(
  kafka: KafkaModel,
  onValid: (record: ControlRecord, view: LogView) => void = () => {},
): FoldedLog {
  const view = new LogView()
  const records: FoldedRecord[] = []
  for (const { bytes, header } of kafka.partition(`${APPLICATION}.control`, 0)?.log ?? []) {
    const { buffer, count, offsets, valueStart, valueEnd } = decodeRecords(bytes, header)
    for (let i = 0; i < count; i++) {
      const offset = defined(offsets[i], 'offset')
      const record = decodeControlRecord(buffer.subarray(valueStart[i], valueEnd[i]), offset)
      const isValid = view.apply(offset, record)
      records.push({ offset, record, isValid })
      if (isValid) onValid(record, view)
    }
  }
  return { view, records }
}

/** As another process would, at this very moment. */
export function appendByHand(kafka: KafkaModel, record: ControlRecord): void {
  const builder = new RecordBatchBuilder(1_024)
  builder.appendBytes(0, null, encodeControlRecord(record))
  const sealed = builder.seal('none')
  stampBatch(sealed, { producerId: -1, producerEpoch: -1, baseSequence: -1, isTransactional: false })
  defined(kafka.partition(`${APPLICATION}.control`, 0), 'control topic').append(sealed.buffer, Number.MAX_SAFE_INTEGER)
}
