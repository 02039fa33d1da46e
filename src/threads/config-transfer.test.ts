import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Config } from '../config/config.ts'
import { Secret } from '../config/secret.ts'
import { receiveConfig, transferConfig } from './config-transfer.ts'

test('a configuration arrives as it was, secrets hidden again', () => {
  const config = {
    appId: 'orders',
    brokers: ['a:1', 'b:2'],
    s3Region: undefined,
    kafkaSaslPassword: new Secret('hush'),
    workers: 3,
  } as unknown as Config
  const received = receiveConfig(structuredClone(transferConfig(config)))
  assert.equal(received.kafkaSaslPassword?.reveal(), 'hush')
  assert.equal(`${received.kafkaSaslPassword}`, '***')
  assert.deepEqual(Object.keys(received).sort(), Object.keys(config).sort())
  assert.deepEqual({ ...received, kafkaSaslPassword: 0 }, { ...config, kafkaSaslPassword: 0 })
})
