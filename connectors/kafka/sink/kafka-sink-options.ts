/** What `kafkaSink` takes. */
import type { Serde } from '../serde/serde.ts'

export interface KafkaSinkOptions<T> {
  /** Must exist: the sink creates no topics. */
  readonly topic: string
  /** How values are written. */
  readonly value: Serde<T>
  /**
   * The record key: text is written as UTF-8. Default: the key of the record that the value was made from. Records with
   * a key go to the partition that the Java client would choose (murmur2), records without one to partitions in turn.
   */
  readonly key?: (value: T) => string | Uint8Array | null
  /** The record's timestamp, ms since 1970. Default: that of the record that the value was made from. */
  readonly timestamp?: (value: T) => number
  /** Headers of the record. Default: none. */
  readonly headers?: (value: T) => Readonly<Record<string, string | Uint8Array>>
  /**
   * `exactly-once`: in the worker's transaction, visible to read_committed readers once the checkpoint is complete.
   * `at-least-once`: at once, flushed before a checkpoint is acknowledged. Default: the option `delivery`.
   */
  readonly delivery?: 'exactly-once' | 'at-least-once'
}
