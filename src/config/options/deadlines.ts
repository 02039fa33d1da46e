/** How long the steps of a start and of a stop may take. */
import { withDefault } from '../option.ts'
import { duration } from '../option-types.ts'
import { HOUR, MINUTE, SECOND } from './amounts.ts'

export const DEADLINES_OPTIONS = {
  recoveryTimeoutMs: withDefault({
    name: 'recovery-timeout',
    group: 'deadlines',
    type: duration({ min: SECOND, max: 24 * HOUR }),
    default: 2 * MINUTE,
    description:
      'How long settling the transactions of the restore point and fencing older ones may take at the start of an epoch.',
  }),
  restoreTimeoutMs: withDefault({
    name: 'restore-timeout',
    group: 'deadlines',
    type: duration({ min: SECOND, max: 7 * 24 * HOUR }),
    default: 30 * MINUTE,
    description: 'How long a worker may take to restore its state and report that it is ready.',
  }),
  recoveryTargetMs: withDefault({
    name: 'recovery-target',
    group: 'deadlines',
    type: duration({ min: SECOND, max: 24 * HOUR, zeroWord: 'none' }),
    default: 0,
    description:
      'How long it may take after the sudden end of a worker until its work goes on where it was. Nothing is forced by it: the job warns when it expects a recovery to take longer.',
  }),
  shutdownTimeoutMs: withDefault({
    name: 'shutdown-timeout',
    group: 'deadlines',
    type: duration({ min: 0, max: HOUR }),
    default: 25 * SECOND,
    description:
      'How long the final checkpoint may take after SIGTERM or SIGINT. When it is over, the job ends without it and the next start goes on from the one before. Keep it below the time your platform allows before it kills (Kubernetes: 30 seconds).',
  }),
} as const
