/**
 * Every option of Millrace, once. --help, docs/configuration.md and the TypeScript types follow from this table.
 *
 * The key is the name in the program: the option's name in camel case, and `Ms` behind durations.
 */
import { CHECKPOINTS_OPTIONS } from './options/checkpoints.ts'
import { DEADLINES_OPTIONS } from './options/deadlines.ts'
import { DELIVERY_OPTIONS } from './options/delivery.ts'
import { JOB_OPTIONS } from './options/job.ts'
import { KAFKA_OPTIONS } from './options/kafka.ts'
import { RESTARTS_OPTIONS } from './options/restarts.ts'
import { S3_OPTIONS } from './options/s3.ts'
import { SAVEPOINTS_OPTIONS } from './options/savepoints.ts'
import { SERVICE_OPTIONS } from './options/service.ts'
import { STATE_OPTIONS } from './options/state.ts'
import { WORKERS_OPTIONS } from './options/workers.ts'

export const OPTIONS = {
  ...JOB_OPTIONS,
  ...KAFKA_OPTIONS,
  ...DELIVERY_OPTIONS,
  ...CHECKPOINTS_OPTIONS,
  ...SAVEPOINTS_OPTIONS,
  ...STATE_OPTIONS,
  ...S3_OPTIONS,
  ...WORKERS_OPTIONS,
  ...RESTARTS_OPTIONS,
  ...DEADLINES_OPTIONS,
  ...SERVICE_OPTIONS,
} as const
