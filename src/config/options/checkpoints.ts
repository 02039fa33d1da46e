/** When checkpoints are taken, where they lie, and how many are kept. */
import { required, withDefault } from '../option.ts'
import { duration, integer, oneOf, storageUri } from '../option-types.ts'
import { HOUR, MINUTE, SECOND } from './amounts.ts'

export const CHECKPOINTS_OPTIONS = {
  checkpoints: required({
    name: 'checkpoints',
    group: 'checkpoints',
    type: storageUri,
    description: 'Where checkpoints are stored. All copies of the job must reach the same place.',
  }),
  checkpointIntervalMs: withDefault({
    name: 'checkpoint-interval',
    group: 'checkpoints',
    type: duration({ min: 100, max: HOUR }),
    default: 10 * SECOND,
    description:
      'From the start of one checkpoint to the start of the next. Shorter: exactly-once output is seen sooner and less is processed again after a failure. Longer: less work for storage.',
  }),
  checkpointIntervalMinMs: withDefault({
    name: 'checkpoint-interval-min',
    group: 'checkpoints',
    type: duration({ min: 100, max: HOUR, zeroWord: 'off' }),
    default: 0,
    description:
      'With it or checkpoint-interval-max the interval adapts itself between the two, beginning at checkpoint-interval, which stands for the one that is not set: it shortens step by step while checkpoints take little of it, and lengthens when they take half of it, fail, or the job is under back pressure.',
  }),
  checkpointIntervalMaxMs: withDefault({
    name: 'checkpoint-interval-max',
    group: 'checkpoints',
    type: duration({ min: 100, max: HOUR, zeroWord: 'off' }),
    default: 0,
    description: 'The longest that an interval which adapts itself may become; see checkpoint-interval-min.',
  }),
  checkpointMode: withDefault({
    name: 'checkpoint-mode',
    group: 'checkpoints',
    type: oneOf('exactly-once', 'at-least-once'),
    default: 'exactly-once',
    description:
      'The strongest delivery the job may have. With `at-least-once` no sink opens transactions: output is flushed before a checkpoint completes and may be repeated after a failure.',
  }),
  checkpointTimeoutMs: withDefault({
    name: 'checkpoint-timeout',
    group: 'checkpoints',
    type: duration({ min: SECOND, max: 24 * HOUR }),
    default: 4 * MINUTE,
    description:
      'A checkpoint that takes longer is given up and counts as failed. (interval + timeout) × (tolerable failures + 1) must be below the transaction timeout.',
  }),
  checkpointMinPauseMs: withDefault({
    name: 'checkpoint-min-pause',
    group: 'checkpoints',
    type: duration({ min: 0, max: HOUR }),
    default: 0,
    description:
      'At least this long between the end of one checkpoint and the start of the next, so that slow ones do not follow each other without a break.',
  }),
  checkpointTolerableFailures: withDefault({
    name: 'checkpoint-tolerable-failures',
    group: 'checkpoints',
    type: integer({ min: 0, max: 1000 }),
    default: 2,
    description:
      'So many checkpoints in a row may fail while the job goes on; one more restarts it from the last completed one.',
  }),
  checkpointsRetained: withDefault({
    name: 'checkpoints-retained',
    group: 'checkpoints',
    type: integer({ min: 1, max: 1000 }),
    default: 3,
    description: 'So many completed checkpoints are kept; older ones are deleted.',
  }),
  compactionShare: withDefault({
    name: 'compaction-share',
    group: 'checkpoints',
    type: integer({ min: 1, max: 100, zeroWord: 'off' }),
    default: 20,
    description:
      'How much of a worker’s time the compaction of checkpoints may take, in percent. It reads slices of earlier checkpoints from the storage and writes them merged, so that restores stay short and old files can be deleted. `off`: chains of slices grow for ever.',
  }),
} as const
