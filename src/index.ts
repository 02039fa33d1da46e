/** The public entry: what a job file imports from `millrace`. */

export { type Aggregate, aggregator, avg, count, max, min, sum } from './api/aggregates.ts'
export { defineJob, type JobBuilder, type JobDefinition } from './api/define-job.ts'
export { type ValueState, type ValueStateDescriptor, valueState } from './api/state.ts'
export { type AggregateRow, type KeyedContext, KeyedStream, Stream } from './api/stream.ts'
export { type ErrorCode, MillraceError } from './common/errors.ts'
export type { MillraceConfig } from './config/config.ts'
export type { Source } from './ports/source.ts'
export type { Sink } from './ports/transactional-sink.ts'
export type { ValueCodec } from './ports/value-codec.ts'
