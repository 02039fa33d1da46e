/** The control log as the simulated broker holds it, folded: what is true, whoever knows it. */
import { decodeRecords, readBatchHeader } from '../../../connectors/kafka/codec/record-batch-reader.ts'
import { controlTopic } from '../../../connectors/kafka/control/kafka-control-log.ts'
import type { KafkaModel } from '../../../connectors/kafka/testing/kafka-model.ts'
import { type ControlRecord, decodeControlRecord } from '../../checkpoint/protocol/control-records.ts'
import { LogView } from '../../checkpoint/protocol/log-view.ts'
import { assert } from '../../common/assert.ts'
import { APPLICATION } from './transfer-job.ts'

export class LogWitness {
  private readonly kafka: KafkaModel
  private readonly folded = new LogView()

  constructor(kafka: KafkaModel) {
    this.kafka = kafka
  }

  /** Up to the end of the log. */
  get view(): LogView {
    const log = this.kafka.partition(controlTopic(APPLICATION), 0)?.log ?? []
    let first = log.length
    while (first > 0 && log[first - 1]!.header.baseOffset >= this.folded.nextOffset) first--
    for (const { bytes, header } of log.slice(first)) {
      for (const [i, record] of recordsIn(bytes).entries()) this.folded.apply(header.baseOffset + i, record)
    }
    return this.folded
  }
}

/** Of a batch on its way to the control log, or in it. */
export function recordsIn(batch: Buffer): ControlRecord[] {
  const header = readBatchHeader(batch, 0)
  assert(header !== null, 'a batch of the control log')
  const { buffer, offsets, count, valueStart, valueEnd } = decodeRecords(batch, header)
  return Array.from({ length: count }, (_, i) =>
    decodeControlRecord(buffer.subarray(valueStart[i]!, valueEnd[i]!), offsets[i]!),
  )
}
