import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { inspect } from 'node:util'
import { type ErrorCode, isMillraceError } from '../common/errors.ts'
import { type Flag, layerOfEnvironment, layerOfFile, layerOfFlags, layerOfJob } from './layers.ts'
import { loadLayers } from './load-layers.ts'
import { describeConfig, resolveConfig } from './resolve.ts'

const REQUIRED = layerOfFlags([flag('app-id', 'app'), flag('brokers', 'localhost:9092'), flag('checkpoints', 'file:///c')])

function flag(name: string, value: string | boolean): Flag {
  return { name, value }
}

function refuses(run: () => unknown, code: ErrorCode, message: RegExp): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(isMillraceError(error, code), String(error))
    assert.match(error.message, message)
    return true
  })
}

const folder = await mkdtemp(join(tmpdir(), 'millrace-config-'))
after(() => rm(folder, { recursive: true }))

test('flag wins over environment over file over job over default, and each value knows its source', () => {
  const flags = layerOfFlags([flag('checkpoint-interval', '1s')])
  const environment = layerOfEnvironment({ MILLRACE_CHECKPOINT_INTERVAL: '2s', MILLRACE_OVERLAY_BYTES: '2MiB', PATH: '/bin' })
  const file = layerOfFile('millrace.config.json', { checkpointInterval: '3s', overlayBytes: '3MiB', 'fetch-max-wait': 300 })
  const job = layerOfJob({ checkpointInterval: '4s', overlayBytes: '4MiB', fetchMaxWait: 400, compression: 'zstd' })
  const { config, origins } = resolveConfig([REQUIRED, flags, environment, file, job])
  assert.equal(config.checkpointIntervalMs, 1_000)
  assert.deepEqual(origins.checkpointIntervalMs, { kind: 'flag', place: '--checkpoint-interval' })
  assert.equal(config.overlayBytes, 2 * 2 ** 20)
  assert.deepEqual(origins.overlayBytes, { kind: 'environment', place: 'MILLRACE_OVERLAY_BYTES' })
  assert.equal(config.fetchMaxWaitMs, 300)
  assert.deepEqual(origins.fetchMaxWaitMs, { kind: 'file', place: 'fetch-max-wait in millrace.config.json' })
  assert.equal(config.compression, 'zstd')
  assert.equal(origins.compression.kind, 'job')
  assert.equal(config.checkpointsRetained, 3)
  assert.equal(origins.checkpointsRetained.kind, 'default')
})

test('an unknown option is refused in every source, with the nearest name as it is written there', () => {
  refuses(
    () => layerOfFlags([flag('broker', 'a:1')]),
    'MR_CONFIG_UNKNOWN_OPTION',
    /--broker on the command line; did you mean --brokers\?/,
  )
  refuses(() => layerOfEnvironment({ MILLRACE_BROKER: 'a:1' }), 'MR_CONFIG_UNKNOWN_OPTION', /did you mean MILLRACE_BROKERS\?/)
  refuses(
    () => layerOfFile('f.json', { checkpointIntervall: 1 }),
    'MR_CONFIG_UNKNOWN_OPTION',
    /in f.json; did you mean checkpointInterval\?/,
  )
  refuses(() => layerOfFile('f.json', { 'state-bakend': 1 }), 'MR_CONFIG_UNKNOWN_OPTION', /did you mean stateBackend\?/)
  refuses(
    () => layerOfJob({ parallelism: 4 }),
    'MR_CONFIG_UNKNOWN_OPTION',
    /unknown option parallelism in the options of the job$/,
  )
})

test('variables that Kubernetes sets for a service called millrace are no options', () => {
  const links = {
    MILLRACE_SERVICE_HOST: '10.0.0.1',
    MILLRACE_SERVICE_PORT: '9464',
    MILLRACE_SERVICE_PORT_METRICS: '9464',
    MILLRACE_PORT: 'tcp://10.0.0.1:9464',
    MILLRACE_PORT_9464_TCP_ADDR: '10.0.0.1',
  }
  assert.equal(layerOfEnvironment(links).size, 0)
})

test('a wrong value is refused with its source, the value and what was expected', () => {
  const resolved = (name: string, value: string | boolean) => () => resolveConfig([layerOfFlags([flag(name, value)]), REQUIRED])
  refuses(
    resolved('checkpoint-interval', '1ms'),
    'MR_CONFIG_INVALID_VALUE',
    /^--checkpoint-interval is "1ms"; expected a duration from 100ms to 1h$/,
  )
  refuses(resolved('state-backend', 'rocks'), 'MR_CONFIG_INVALID_VALUE', /expected one of `rocksdb`, `memory`/)
  refuses(
    resolved('checkpoints', './here'),
    'MR_CONFIG_INVALID_VALUE',
    /expected `file:` and a folder, or `s3:\/\/bucket\/prefix`/,
  )
  refuses(resolved('checkpoints', 'file://host/c'), 'MR_CONFIG_INVALID_VALUE', /expected/)
  refuses(resolved('checkpoints', 's3:bucket'), 'MR_CONFIG_INVALID_VALUE', /expected/)
  refuses(resolved('brokers', 'localhost'), 'MR_CONFIG_INVALID_VALUE', /`host:port` pairs, separated by commas/)
  refuses(resolved('metrics-port', '70000'), 'MR_CONFIG_INVALID_VALUE', /an integer from 1 to 65535, or `off`/)
  refuses(resolved('kafka-tls', 'yes'), 'MR_CONFIG_INVALID_VALUE', /`true` or `false`/)
  refuses(resolved('app-id', 'a b'), 'MR_CONFIG_INVALID_VALUE', /letters/)
})

test('a required option that is missing is named with every way to set it', () => {
  assert.throws(
    () => resolveConfig([]),
    (error: unknown) => isMillraceError(error, 'MR_CONFIG_MISSING_OPTION') && /--app-id, MILLRACE_APP_ID/.test(error.remedy),
  )
})

test('a command that needs few options resolves these alone', () => {
  const { config } = resolveConfig([layerOfFlags([flag('checkpoints', 's3://bucket/jobs')])], ['checkpoints', 's3Region'])
  assert.deepEqual(config, { checkpoints: 's3://bucket/jobs', s3Region: undefined })
})

test('a relative folder of checkpoints becomes absolute', () => {
  const { config } = resolveConfig([layerOfFlags([flag('checkpoints', 'file:./my checkpoints')])], ['checkpoints'])
  assert.match(config.checkpoints, /^file:\/\/\/.+\/my%20checkpoints$/)
})

test('the words for zero are read and printed', () => {
  const flags = layerOfFlags([flag('transaction-timeout', 'auto'), flag('metrics-port', 'off')])
  const resolved = resolveConfig([flags, REQUIRED])
  assert.equal(resolved.config.transactionTimeoutMs, 0)
  assert.equal(resolved.config.metricsPort, 0)
  assert.equal(describeConfig(resolved).find(({ name }) => name === 'metrics-port')?.value, 'off')
})

test('a list flag given twice is one list; of another the last counts', () => {
  const flags = layerOfFlags([
    flag('brokers', 'a:1'),
    flag('brokers', 'b:2,[::1]:3'),
    flag('compression', 'lz4'),
    flag('compression', 'zstd'),
  ])
  const { config } = resolveConfig([flags, REQUIRED])
  assert.deepEqual(config.brokers, ['a:1', 'b:2', '[::1]:3'])
  assert.equal(config.compression, 'zstd')
})

test('a secret is printed nowhere', () => {
  const sasl = [flag('kafka-sasl-mechanism', 'plain'), flag('kafka-sasl-username', 'me'), flag('kafka-sasl-password', 'hush')]
  const resolved = resolveConfig([layerOfFlags(sasl), REQUIRED])
  assert.equal(resolved.config.kafkaSaslPassword?.reveal(), 'hush')
  for (const text of [
    inspect(resolved, { depth: 9 }),
    JSON.stringify(resolved),
    JSON.stringify(describeConfig(resolved)),
    `${resolved.config.kafkaSaslPassword}`,
  ]) {
    assert.ok(!text.includes('hush'), text)
    assert.ok(text.includes('***'))
  }
  refuses(
    () => resolveConfig([layerOfFile('f.json', { kafkaSaslPassword: 1234 }), REQUIRED]),
    'MR_CONFIG_INVALID_VALUE',
    /is a value that is not shown/,
  )
})

test('the config file is found, named by flag or environment, and may be TypeScript', async () => {
  await writeFile(join(folder, 'millrace.config.json'), '{ "overlay-bytes": "8MiB" }')
  await writeFile(join(folder, 'other.ts'), 'const size: string = "9MiB"\nexport default { overlayBytes: size }\n')
  const overlayBytes = async (flags: Flag[], environment = {}) =>
    resolveConfig([...(await loadLayers({ flags, environment, directory: folder })), REQUIRED]).config.overlayBytes
  assert.equal(await overlayBytes([]), 8 * 2 ** 20)
  assert.equal(await overlayBytes([flag('config', 'other.ts')]), 9 * 2 ** 20)
  assert.equal(await overlayBytes([], { MILLRACE_CONFIG: join(folder, 'other.ts') }), 9 * 2 ** 20)
  assert.equal(await overlayBytes([flag('overlay-bytes', '1MiB'), flag('config', 'other.ts')]), 2 ** 20)
})

test('a config file that cannot be used is refused with its place', async () => {
  const refused = async (name: string, text: string | null, message: RegExp) => {
    if (text !== null) await writeFile(join(folder, name), text)
    await assert.rejects(
      loadLayers({ flags: [flag('config', name)], environment: {}, directory: folder }),
      (error: unknown) => {
        assert.ok(isMillraceError(error), String(error))
        assert.match(error.message, message)
        return true
      },
    )
  }
  await refused('broken.json', '{ "overlayBytes": }', /broken\.json: .*JSON/)
  await refused('array.json', '[]', /array\.json holds no object of options/)
  await refused('missing.json', null, /missing\.json.*no such file/)
  await refused('missing.ts', null, /missing\.ts does not exist/)
  await refused('empty.ts', 'export const a = 1\n', /empty\.ts holds no object/)
  await refused('throws.ts', 'throw new Error("no luck")\n', /throws\.ts: no luck/)
  await refused('twice.json', '{ "overlay-bytes": 1, "overlayBytes": 2 }', /overlay-bytes stands twice in twice\.json/)
  await refused('self.json', '{ "config": "other.json" }', /unknown option config in self\.json/)
})

test('of two default config files neither is chosen', async () => {
  await writeFile(join(folder, 'millrace.config.json'), '{}')
  await writeFile(join(folder, 'millrace.config.ts'), 'export default {}')
  await assert.rejects(
    loadLayers({ flags: [], environment: {}, directory: folder }),
    /both millrace.config.ts and millrace.config.json/,
  )
})
