/** The control log of the simulated job, as its partition holds it. */
import { RecordBatchBuilder, stampBatch } from '../../../connectors/kafka/codec/record-batch-builder.ts'
import { decodeRecords } from '../../../connectors/kafka/codec/record-batch-reader.ts'
import { controlTopic } from '../../../connectors/kafka/control/kafka-control-log.ts'
import type { KafkaModel } from '../../../connectors/kafka/testing/kafka-model.ts'
import { type ControlRecord, decodeControlRecord, encodeControlRecord } from '../../checkpoint/protocol/control-records.ts'
import { LogView } from '../../checkpoint/protocol/log-view.ts'
import { defined } from '../../common/assert.ts'
import { APPLICATION } from './transfer-job.ts'

/** @param onValid told of each valid record, behind which the view stands */
export function foldControlTopic(
  kafka: KafkaModel,
  onValid: (record: ControlRecord, view: LogView) => void = () => {},
): LogView {
  const view = new LogView()
  for (const { bytes, header } of kafka.partition(controlTopic(APPLICATION), 0)?.log ?? []) {
    const { buffer, count, offsets, valueStart, valueEnd } = decodeRecords(bytes, header)
    for (let i = 0; i < count; i++) {
      const offset = defined(offsets[i], 'offset')
      const record = decodeControlRecord(buffer.subarray(valueStart[i], valueEnd[i]), offset)
      if (view.apply(offset, record)) onValid(record, view)
    }
  }
  return view
}

/** As another process would, at this very moment. */
export function appendByHand(kafka: KafkaModel, record: ControlRecord): void {
  const builder = new RecordBatchBuilder(1_024)
  builder.appendBytes(0, null, encodeControlRecord(record))
  const sealed = builder.seal('none')
  stampBatch(sealed, { producerId: -1, producerEpoch: -1, baseSequence: -1, isTransactional: false })
  defined(kafka.partition(controlTopic(APPLICATION), 0), 'control topic').append(sealed.buffer, Number.MAX_SAFE_INTEGER)
}
