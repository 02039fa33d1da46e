import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Config, type MillraceConfig, OPTION_KEYS, optionOf } from './config.ts'
import { camelCase } from './option.ts'
import type { Secret } from './secret.ts'

test('the key of an option is its name in camel case, with Ms behind durations', () => {
  for (const key of OPTION_KEYS) {
    const option = optionOf(key)
    assert.equal(key, camelCase(option.name) + (option.type.kind === 'duration' ? 'Ms' : ''))
  }
})

test('every default is a value of its own type, and reads back as it is printed', () => {
  for (const key of OPTION_KEYS) {
    const { default: value, type, required } = optionOf(key)
    if (value === undefined) continue
    assert.equal(required, false, key)
    assert.deepEqual(type.parse(type.format(value as never)), value, key)
  }
})

test('every option is described in sentences', () => {
  for (const key of OPTION_KEYS) assert.match(optionOf(key).description, /^[A-Z`].*[.)]$/s, key)
})

test('the types of the configuration follow from the table', () => {
  type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
  const holds: [
    Equal<Config['checkpointIntervalMs'], number>,
    Equal<Config['brokers'], readonly string[]>,
    Equal<Config['stateBackend'], 'rocksdb' | 'memory'>,
    Equal<Config['kafkaTls'], boolean>,
    Equal<Config['s3Endpoint'], string | undefined>,
    Equal<Config['s3PathStyle'], boolean | undefined>,
    Equal<Config['kafkaSaslPassword'], Secret | undefined>,
    Equal<Config['appId'], string>,
  ] = [true, true, true, true, true, true, true, true]
  assert.ok(holds)
  const input: MillraceConfig = {
    checkpointInterval: '10s',
    overlayBytes: 2 ** 20,
    brokers: ['a:1'],
    delivery: 'at-least-once',
  }
  assert.ok(input)
  // @ts-expect-error: no such value
  const wrong: MillraceConfig = { delivery: 'never' }
  assert.ok(wrong)
})
