/** What sinks promise, and their transactions. */
import { withDefault } from '../option.ts'
import { duration, integer, oneOf } from '../option-types.ts'
import { HOUR, SECOND } from './amounts.ts'

export const DELIVERY_OPTIONS = {
  delivery: withDefault({
    name: 'delivery',
    group: 'delivery',
    type: oneOf('exactly-once', 'at-least-once'),
    default: 'exactly-once',
    defaultText: '`exactly-once`, or what checkpoint-mode says',
    description:
      'What sinks promise that don’t say so themselves. `exactly-once` writes in transactions that are committed when their checkpoint is complete, so readers see output one checkpoint interval later. `at-least-once` writes at once and may repeat output after a failure.',
  }),
  transactionTimeoutMs: withDefault({
    name: 'transaction-timeout',
    group: 'delivery',
    type: duration({ min: 10 * SECOND, max: 7 * 24 * HOUR, zeroWord: 'auto' }),
    default: 0,
    description:
      'How long a broker keeps a transaction open before it aborts it; `auto` asks for as long as the broker allows (`transaction.max.timeout.ms`, 15 minutes by default). It bounds how long a stopped job may stay down without its last output having to be written again.',
  }),
  transactionSlots: withDefault({
    name: 'transaction-slots',
    group: 'delivery',
    type: integer({ min: 2, max: 100 }),
    default: 6,
    description:
      'Transactional ids per worker, used in turn. Each checkpoint that is not yet committed keeps one; when none is free, processing waits. At least checkpoint-tolerable-failures + 2.',
  }),
} as const
