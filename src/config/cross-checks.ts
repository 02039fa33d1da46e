/** What must hold between options. One place: nothing else compares one option with another. */
import { MillraceError } from '../common/errors.ts'
import type { OptionKey } from './config.ts'
import { leastMemoryBudget } from './memory-needs.ts'
import type { Resolved } from './resolved.ts'
import { checkTransactionTimeout } from './transaction-timeout.ts'
import { formatBytes, formatDurationMs } from './units.ts'

/**
 * Checks the options against each other and settles defaults that depend on others. Options that were not asked for are
 * absent; a rule about them is then not checked.
 */
export function checkTogether(resolved: Resolved): Resolved {
  const settled = settleDelivery(resolved)
  const has = (...keys: OptionKey[]) => keys.every((key) => key in settled.config)
  if (has('delivery', 'transactionTimeoutMs', 'checkpointIntervalMs')) checkTransactions(settled)
  if (has('checkpointIntervalMs', 'checkpointIntervalMinMs', 'checkpointIntervalMaxMs')) checkInterval(settled)
  if (has('memoryBudget', 'workers', 'stateBackend')) checkMemory(settled)
  if (has('sessionTimeoutMs', 'heartbeatIntervalMs')) checkHeartbeats(settled)
  if (has('kafkaTls')) checkTls(settled)
  if (has('kafkaSaslMechanism')) checkSasl(settled)
  if (has('s3AccessKeyId')) checkS3Keys(settled)
  return settled
}

/** Where the mode is at-least-once and nobody asked for a delivery, delivery follows the mode. */
function settleDelivery(resolved: Resolved): Resolved {
  const { config, origins } = resolved
  if (config.checkpointMode !== 'at-least-once' || config.delivery !== 'exactly-once') return resolved
  if (origins.delivery.kind !== 'default') {
    throw conflict(
      `${origins.delivery.place} is exactly-once, but ${origins.checkpointMode.place} is at-least-once, which opens no transactions`,
      'Set checkpoint-mode to exactly-once, or delivery to at-least-once.',
    )
  }
  return { ...resolved, config: { ...config, delivery: 'at-least-once' } }
}

function checkInterval({ config, origins }: Resolved): void {
  const { checkpointIntervalMs, checkpointIntervalMinMs: minMs, checkpointIntervalMaxMs: maxMs } = config
  const text = (ms: number) => formatDurationMs(ms)
  if (minMs > checkpointIntervalMs) {
    throw conflict(
      `${origins.checkpointIntervalMinMs.place} is ${text(minMs)}, above checkpoint-interval, which is ${text(checkpointIntervalMs)}`,
      'Lower it, or raise checkpoint-interval, where the interval begins.',
    )
  }
  if (maxMs !== 0 && maxMs < checkpointIntervalMs) {
    throw conflict(
      `${origins.checkpointIntervalMaxMs.place} is ${text(maxMs)}, below checkpoint-interval, which is ${text(checkpointIntervalMs)}`,
      'Raise it, or lower checkpoint-interval, where the interval begins.',
    )
  }
}

/** Shares that are fixed by hand would make the budget something else than one figure. */
function checkMemory({ config, origins }: Resolved): void {
  const { memoryBudget } = config
  if (memoryBudget === 0) return
  for (const key of ['stateCacheBytes', 'overlayBytes', 'fetchBudgetBytes'] as const) {
    if (origins[key] !== undefined && origins[key].kind !== 'default') {
      throw conflict(
        `both ${origins.memoryBudget.place} and ${origins[key].place} are set`,
        'Leave one out: memory-budget shares out the memory of caches, state changes and fetching itself.',
      )
    }
  }
  const least = leastMemoryBudget(config)
  if (memoryBudget < least) {
    throw conflict(
      `${origins.memoryBudget.place} is ${formatBytes(memoryBudget)}, but ${config.workers} workers with the ${config.stateBackend} backend take ${formatBytes(least)} at least`,
      'Raise it, or run fewer workers in this process.',
    )
  }
}

function checkTransactions({ config }: Resolved): void {
  if (config.delivery !== 'exactly-once') return
  // `auto` is checked when the brokers have told their limit.
  if (config.transactionTimeoutMs !== 0) checkTransactionTimeout(config, config.transactionTimeoutMs)
  // One for each failed checkpoint, one for that which is under way, one that is being written.
  const slotsNeeded = config.checkpointTolerableFailures + 2
  if (config.transactionSlots < slotsNeeded) {
    throw conflict(
      `transaction-slots is ${config.transactionSlots}, but checkpoint-tolerable-failures ${config.checkpointTolerableFailures} needs at least ${slotsNeeded}`,
      `Raise transaction-slots to ${slotsNeeded} or more, or lower checkpoint-tolerable-failures.`,
    )
  }
}

/** Two heartbeats may be lost before the session is. */
function checkHeartbeats({ config }: Resolved): void {
  if (config.heartbeatIntervalMs * 3 <= config.sessionTimeoutMs) return
  throw conflict(
    `heartbeat-interval is ${formatDurationMs(config.heartbeatIntervalMs)}, but at most a third of session-timeout (${formatDurationMs(config.sessionTimeoutMs)}) is allowed`,
    'Lower heartbeat-interval, or raise session-timeout.',
  )
}

/** Keys given without TLS would go unused, and the connection would be readable by everyone on the way. */
function checkTls({ config, origins }: Resolved): void {
  for (const key of ['kafkaTlsCa', 'kafkaTlsCert', 'kafkaTlsKey'] as const) {
    if (config[key] !== undefined && !config.kafkaTls) {
      throw conflict(`${origins[key].place} is set, but kafka-tls is false`, 'Set kafka-tls to true, or leave the file out.')
    }
  }
  if ((config.kafkaTlsCert === undefined) !== (config.kafkaTlsKey === undefined)) {
    throw conflict('only one of kafka-tls-cert and kafka-tls-key is set', 'Set both, or neither.')
  }
}

function checkSasl({ config, origins }: Resolved): void {
  const hasMechanism = config.kafkaSaslMechanism !== 'none'
  for (const key of ['kafkaSaslUsername', 'kafkaSaslPassword'] as const) {
    const name = key === 'kafkaSaslUsername' ? 'kafka-sasl-username' : 'kafka-sasl-password'
    if (config[key] === undefined && hasMechanism) {
      throw conflict(`kafka-sasl-mechanism is ${config.kafkaSaslMechanism}, but ${name} is not set`, `Set ${name}.`)
    }
    if (config[key] !== undefined && !hasMechanism) {
      throw conflict(`${origins[key].place} is set, but kafka-sasl-mechanism is none`, 'Set kafka-sasl-mechanism.')
    }
  }
}

function checkS3Keys({ config }: Resolved): void {
  if ((config.s3AccessKeyId === undefined) !== (config.s3SecretAccessKey === undefined)) {
    throw conflict('only one of s3-access-key-id and s3-secret-access-key is set', 'Set both, or neither.')
  }
}

function conflict(message: string, remedy: string): MillraceError {
  return new MillraceError('MR_CONFIG_CONFLICT', message, { remedy })
}
