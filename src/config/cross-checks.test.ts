import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMillraceError } from '../common/errors.ts'
import type { MillraceConfig } from './config.ts'
import { layerOfJob } from './layers.ts'
import { resolveConfig } from './resolve.ts'
import { effectiveTransactionTimeoutMs, longestTransactionMs } from './transaction-timeout.ts'

const MINUTE = 60_000

function resolve(input: MillraceConfig) {
  return resolveConfig([layerOfJob({ appId: 'app', brokers: 'localhost:9092', checkpoints: 'file:///c', ...input })])
}

test('the defaults fit into the transaction timeout that brokers allow by default', () => {
  const { config } = resolve({})
  assert.equal(longestTransactionMs(config), 12.5 * MINUTE)
  assert.equal(effectiveTransactionTimeoutMs(config, 15 * MINUTE), 15 * MINUTE)
})

test('a transaction that could outlive its timeout is refused, at its exact bound too', () => {
  const input = { checkpointInterval: '10s', checkpointTimeout: '50s', checkpointTolerableFailures: 1 } as const
  assert.throws(
    () => resolve({ ...input, transactionTimeout: '2m' }),
    (error: unknown) => {
      assert.ok(isMillraceError(error, 'MR_CONFIG_TRANSACTION_TIMEOUT'))
      assert.match(
        error.message,
        /2m = \(checkpoint-interval 10s \+ checkpoint-timeout 50s\) × \(checkpoint-tolerable-failures 1 \+ 1\)/,
      )
      return true
    },
  )
  assert.ok(resolve({ ...input, transactionTimeout: '121s' }))
})

test('without transactions the transaction timeout is of no interest', () => {
  assert.ok(resolve({ delivery: 'at-least-once', checkpointTimeout: '1h', transactionTimeout: '1m' }))
})

test('auto asks for what the brokers allow, and is refused when that is too short', () => {
  const { config } = resolve({})
  assert.throws(() => effectiveTransactionTimeoutMs(config, 5 * MINUTE), /the transaction timeout is 5m/)
})

test('a transaction timeout above the limit of the brokers is refused', () => {
  const { config } = resolve({ transactionTimeout: '1h' })
  assert.throws(() => effectiveTransactionTimeoutMs(config, 15 * MINUTE), /the brokers allow at most 15m/)
})

test('delivery follows an at-least-once mode, and may not contradict it', () => {
  assert.equal(resolve({ checkpointMode: 'at-least-once' }).config.delivery, 'at-least-once')
  assert.throws(
    () => resolve({ checkpointMode: 'at-least-once', delivery: 'exactly-once' }),
    /delivery in the options of the job is exactly-once/,
  )
})

test('contradicting options are refused', () => {
  const refused: [MillraceConfig, RegExp][] = [
    [{ transactionSlots: 3 }, /needs at least 4/],
    [{ kafkaTlsCa: 'ca.pem' }, /kafka-tls is false/],
    [{ kafkaTls: true, kafkaTlsCert: 'c.pem' }, /only one of kafka-tls-cert/],
    [{ kafkaSaslMechanism: 'plain', kafkaSaslUsername: 'me' }, /kafka-sasl-password is not set/],
    [{ kafkaSaslUsername: 'me' }, /kafka-sasl-mechanism is none/],
    [{ s3AccessKeyId: 'id' }, /only one of s3-access-key-id/],
    [{ sessionTimeout: '1s' }, /heartbeat-interval is 500ms, but at most a third of session-timeout \(1s\)/],
  ]
  for (const [input, message] of refused) {
    assert.throws(
      () => resolve(input),
      (error: unknown) => isMillraceError(error, 'MR_CONFIG_CONFLICT') && message.test(error.message),
      String(message),
    )
  }
})

test('an interval that adapts itself begins between its bounds, and its longest counts for transactions', () => {
  const code = (expected: string) => (error: unknown) => isMillraceError(error) && error.code === expected
  assert.throws(() => resolve({ checkpointIntervalMin: '11s' }), code('MR_CONFIG_CONFLICT'))
  assert.throws(() => resolve({ checkpointIntervalMax: '9s' }), code('MR_CONFIG_CONFLICT'))
  assert.ok(resolve({ checkpointIntervalMin: '1s', checkpointIntervalMax: '1m' }))
  const input = { checkpointInterval: '10s', checkpointTimeout: '50s', checkpointTolerableFailures: 1 } as const
  assert.throws(
    () => resolve({ ...input, checkpointIntervalMax: '11s', transactionTimeout: '121s' }),
    /2m|122s = \(checkpoint-interval-max 11s \+/,
  )
  assert.equal(longestTransactionMs(resolve({ ...input, checkpointIntervalMax: '1m' }).config), 220_000)
})

test('a memory budget is one figure: shares by hand, and less than the workers take, are refused', () => {
  assert.equal(resolve({ memoryBudget: '512MiB' }).config.memoryBudget, 512 * 2 ** 20)
  for (const own of [{ stateCacheBytes: '1MiB' }, { overlayBytes: '1MiB' }, { fetchBudgetBytes: '1MiB' }] as const) {
    assert.throws(() => resolve({ memoryBudget: '512MiB', ...own }), /both memoryBudget .* and \w+Bytes .* are set/)
  }
  assert.throws(
    () => resolve({ memoryBudget: '512MiB', workers: 8 }),
    /8 workers with the rocksdb backend take \d+MiB at least/,
  )
  assert.ok(resolve({ memoryBudget: '1GiB', workers: 4 }))
  assert.ok(resolve({ memoryBudget: 'off', stateCacheBytes: '1MiB' }))
})
