/** What follows a failure. */
import { withDefault } from '../option.ts'
import { duration, integer, oneOf } from '../option-types.ts'
import { HOUR, MINUTE, SECOND } from './amounts.ts'

export const RESTARTS_OPTIONS = {
  restartStrategy: withDefault({
    name: 'restart-strategy',
    group: 'restarts',
    type: oneOf('none', 'fixed-delay', 'exponential-delay', 'failure-rate'),
    default: 'exponential-delay',
    description:
      'What follows a failure that a new start may mend: failing user code, unreachable brokers or storage. What would come again, such as a malformed record, ends the job at once.',
  }),
  restartAttempts: withDefault({
    name: 'restart-attempts',
    group: 'restarts',
    type: integer({ min: 0, max: 1_000_000 }),
    default: 10,
    description: 'Restarts in a row before the job gives up; `failure-rate`: failures within restart-interval before it does.',
  }),
  restartDelayMs: withDefault({
    name: 'restart-delay',
    group: 'restarts',
    type: duration({ min: 0, max: HOUR }),
    default: SECOND,
    description: 'Time before a restart; `exponential-delay` doubles it with each in a row.',
  }),
  restartMaxDelayMs: withDefault({
    name: 'restart-max-delay',
    group: 'restarts',
    type: duration({ min: 0, max: HOUR }),
    default: MINUTE,
    description: 'Longest time before a restart by `exponential-delay`.',
  }),
  restartIntervalMs: withDefault({
    name: 'restart-interval',
    group: 'restarts',
    type: duration({ min: SECOND, max: 24 * HOUR }),
    default: 10 * MINUTE,
    description: 'A run of this length ends the row of failures; `failure-rate` counts failures within it.',
  }),
} as const
