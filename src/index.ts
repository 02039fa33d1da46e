/** The public entry: what a job file imports from `millrace`. */

export { type Aggregate, aggregator, avg, count, max, min, sum } from './api/aggregates.ts'
export { defineJob, type JobBuilder, type JobDefinition } from './api/define-job.ts'
export { numberKeys } from './api/number-keys.ts'
export {
  type AggregatingState,
  type AggregatingStateDescriptor,
  aggregatingState,
  type HasKeyCodec,
  type ListState,
  type ListStateDescriptor,
  listState,
  type MapState,
  type MapStateDescriptor,
  type MapStateOptions,
  mapState,
  type ReducingState,
  type ReducingStateDescriptor,
  reducingState,
  type ValueState,
  type ValueStateDescriptor,
  valueState,
} from './api/state.ts'
export { type Duration, type Migration, migration, type StateOptions, type TtlOption } from './api/state-options.ts'
export { type AggregateRow, type KeyedContext, KeyedStream, Stream } from './api/stream.ts'
export { type ErrorCode, MillraceError } from './common/errors.ts'
export type { MillraceConfig } from './config/config.ts'
export type { KeyCodec, Source } from './ports/source.ts'
export type { Sink } from './ports/transactional-sink.ts'
export type { ValueCodec } from './ports/value-codec.ts'
