/**
 * How long Kafka keeps a transaction open, against how long the job may need it open (R16 of docs/protocol.md): from the cut that
 * begins it, over every checkpoint that may fail, to the completion of the one that commits it.
 */
import { MillraceError } from '../common/errors.ts'
import type { Config } from './config.ts'
import { formatDurationMs } from './units.ts'

type CheckpointTimes = Pick<Config, 'checkpointIntervalMs' | 'checkpointTimeoutMs' | 'checkpointTolerableFailures'> &
  Partial<Pick<Config, 'checkpointIntervalMaxMs'>>

/** One that adapts itself may become so long. */
function longestIntervalMs({ checkpointIntervalMs, checkpointIntervalMaxMs = 0 }: CheckpointTimes): number {
  return Math.max(checkpointIntervalMs, checkpointIntervalMaxMs)
}

/** The longest time that a transaction may have to stay open. */
export function longestTransactionMs(config: CheckpointTimes): number {
  return (longestIntervalMs(config) + config.checkpointTimeoutMs) * (config.checkpointTolerableFailures + 1)
}

/**
 * The transaction timeout to ask the broker for, once its limit (`transaction.max.timeout.ms`) is known: `auto` is the
 * limit. Throws MR_CONFIG_TRANSACTION_TIMEOUT when it is above the limit, or when a transaction could outlive it.
 */
export function effectiveTransactionTimeoutMs(
  config: CheckpointTimes & Pick<Config, 'transactionTimeoutMs'>,
  brokerLimitMs: number,
): number {
  if (config.transactionTimeoutMs > brokerLimitMs) {
    throw new MillraceError(
      'MR_CONFIG_TRANSACTION_TIMEOUT',
      `transaction-timeout is ${formatDurationMs(config.transactionTimeoutMs)}, but the brokers allow at most ${formatDurationMs(brokerLimitMs)}`,
      {
        remedy: 'Set transaction-timeout to auto, or raise transaction.max.timeout.ms of the brokers.',
        details: { transactionTimeoutMs: config.transactionTimeoutMs, brokerLimitMs },
      },
    )
  }
  const timeoutMs = config.transactionTimeoutMs === 0 ? brokerLimitMs : config.transactionTimeoutMs
  checkTransactionTimeout(config, timeoutMs)
  return timeoutMs
}

/** R16. Without it the broker would abort output of a checkpoint that is still to complete. */
export function checkTransactionTimeout(config: CheckpointTimes, timeoutMs: number): void {
  const longestMs = longestTransactionMs(config)
  if (longestMs < timeoutMs) return
  const { checkpointIntervalMs, checkpointTimeoutMs, checkpointTolerableFailures } = config
  const intervalMs = longestIntervalMs(config)
  const interval = intervalMs > checkpointIntervalMs ? 'checkpoint-interval-max' : 'checkpoint-interval'
  throw new MillraceError(
    'MR_CONFIG_TRANSACTION_TIMEOUT',
    `a transaction may have to stay open for ${formatDurationMs(longestMs)} = (${interval} ${formatDurationMs(intervalMs)} + ` +
      `checkpoint-timeout ${formatDurationMs(checkpointTimeoutMs)}) × (checkpoint-tolerable-failures ${checkpointTolerableFailures} + 1), ` +
      `but the transaction timeout is ${formatDurationMs(timeoutMs)}`,
    { details: { longestTransactionMs: longestMs, transactionTimeoutMs: timeoutMs } },
  )
}
