/** What `kafkaSource` takes. */
import type { KeySerde, Serde } from '../serde/serde.ts'

/** What becomes of a record that can't be decoded. */
export type OnMalformed =
  /** The job fails, and says topic, partition and offset. */
  | 'fail'
  /** The record is dropped and counted (millrace_malformed_records_total). */
  | 'skip'
  /** The record goes, as it is, with headers that say why, to this topic, in the same transaction as the job's output. */
  | { readonly deadLetterTopic: string }

export interface KafkaSourceOptions<T, K> {
  readonly topic: string
  readonly value: Serde<T>
  /** How record keys are read, for `keyByRecordKey`. Default: text. */
  readonly key?: KeySerde<K>
  /** The time of an event, ms since 1970. Default: the timestamp of the Kafka record. */
  readonly eventTime?: (value: T) => number
  /**
   * How much earlier than the latest record of its partition a record may be, ms. Set it, even to 0, and the source gives
   * watermarks: `process` code sees in `watermark` up to which time nothing more is expected.
   */
  readonly outOfOrderness?: number
  /** A partition without records for so long holds up no watermark, ms. Default: it always does. */
  readonly idleAfter?: number
  /**
   * Where to begin when there is no checkpoint yet; resolved once and kept. `earliest` (default), `latest`, or the first
   * record at or behind a time, ms since 1970.
   */
  readonly startFrom?: 'earliest' | 'latest' | { readonly timestampMs: number }
  /** Default: `fail`. */
  readonly onMalformed?: OnMalformed
}
