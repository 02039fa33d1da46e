/** The state of a real job, looked at from the storage alone, and held against what it must remember. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { openState, type StorageOptions } from '../../src/millrace-state.ts'
import { inS3 } from '../faults/in-s3.ts'
import { Scene, type SceneOptions } from '../faults/scene.ts'
import { cleanEnvironment } from '../support/job-process.ts'
import { runCommand } from '../support/run-command.ts'
import { type KafkaServer, type S3Server, startKafka, startS3 } from '../support/servers.ts'
import { remember } from './accounts-model.ts'

const JOB = 'itest/state/jobs/accounts.job.ts'
const PART = 3_000
const DEADLINE_MS = 60_000

interface Place {
  readonly scene: Scene
  readonly checkpoints: string
  readonly flags: readonly string[]
  readonly storage: StorageOptions
}

describe('looking inside state', { concurrency: 2 }, () => {
  let kafka: KafkaServer
  let s3: S3Server
  before(async () => {
    ;[kafka, s3] = await Promise.all([startKafka(), startS3()])
  })
  after(() => Promise.all([kafka.close(), s3.close()]))

  test('in a folder', async () => {
    const scene = await Scene.open(kafka, sceneOptions('accounts-file'))
    await look({ scene, checkpoints: `file://${scene.checkpoints}`, flags: [], storage: {} })
  })

  test('in S3', async () => {
    const scene = await Scene.open(kafka, inS3(s3, sceneOptions('accounts-s3')))
    const storage = {
      ...{ s3Endpoint: s3.endpoint, s3Region: s3.region, s3AccessKeyId: s3.accessKeyId },
      s3SecretAccessKey: s3.secretAccessKey,
    }
    const flags = [
      ...[`--s3-endpoint=${s3.endpoint}`, `--s3-region=${s3.region}`, `--s3-access-key-id=${s3.accessKeyId}`],
      `--s3-secret-access-key=${s3.secretAccessKey}`,
    ]
    await look({ scene, checkpoints: `s3://${s3.bucket}/checkpoints`, flags, storage })
  })
})

const sceneOptions = (name: string): SceneOptions => ({ name, job: JOB, keys: 200, options: { 'checkpoints-retained': 100 } })

async function look(place: Place): Promise<void> {
  const { scene } = place
  try {
    const job = scene.start()
    await scene.write(PART)
    await counted(place, PART)
    const first = await newest(place)
    await scene.write(PART)
    await counted(place, 2 * PART)
    const { savepoint } = JSON.parse(
      (await millrace(place, 0, 'savepoint', scene.name, '--stop', `--brokers=${scene.kafka.bootstrap}`)).stdout,
    )
    assert.deepEqual(await job.end(), { exitCode: 0, signal: null }, job.tail())
    await lookAtList(place)
    await lookAtEntries(place)
    await lookAtDifferences(place, first)
    await state(place, 0, 'compare', scene.name, savepoint)
    await rewriteAndGoOn(place, savepoint)
  } finally {
    await scene.close()
  }
}

async function lookAtList(place: Place): Promise<void> {
  const { operators, tasks } = JSON.parse((await state(place, 0, 'list', place.scene.name)).stdout)
  const { last, most, amounts, totals } = remember(place.scene.written)
  assert.deepEqual(
    operators.map((operator: { name: string; stage: string; states: { name: string; kind: string; entries: number }[] }) => [
      operator.name,
      operator.stage,
      ...operator.states.map(({ name, kind, entries }) => [name, kind, entries]),
    ]),
    [
      ['accounts', 'payments', ['last', 'value', last.size], ['most', 'value', most.size], ['amounts', 'map', amounts.size]],
      ['totals', 'by-bucket', ['accumulator', 'aggregating', totals.size]],
    ],
  )
  assert.ok(tasks.length === 7, `${tasks.length} tasks`)
}

async function lookAtEntries(place: Place): Promise<void> {
  const { name, written } = place.scene
  const { last, most, amounts, totals } = remember(written)
  const exported = await lines(place, 'export', name, '--job', JOB)
  const of = (wanted: string) => exported.filter((line) => line.state === wanted)
  const sorted = (entries: Iterable<readonly [string, unknown]>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
  assert.deepEqual(sorted(of('last').map(({ key, value }) => [key, value])), sorted(last))
  assert.deepEqual(sorted(of('most').map(({ key, value }) => [key, value])), sorted(most))
  assert.deepEqual(sorted(of('amounts').map(({ key, mapKey, value }) => [`${key} ${mapKey}`, value])), sorted(amounts))
  assert.deepEqual(sorted(of('accumulator').map(({ key, value }) => [key, value])), sorted(totals))
  assert.equal(exported.length, last.size + most.size + amounts.size + totals.size)

  const [key = ''] = last.keys()
  assert.deepEqual(
    (await lines(place, 'get', name, '--operator', 'accounts', '--state', 'last', '--key', key))[0]?.value,
    last.get(key),
  )
  const [pair = ''] = amounts.keys()
  const [account = '', group = ''] = pair.split(' ')
  const entry = ['--operator', 'accounts', '--state', 'amounts', '--key', account, '--map-key', group]
  assert.deepEqual((await lines(place, 'get', name, ...entry))[0]?.value, amounts.get(pair))
  await state(place, 1, 'get', name, '--operator', 'totals', '--key', 'nobody')
  const unknown = await state(place, 1, 'export', name, '--operator', 'accounts', '--state', 'most')
  assert.match(unknown.stderr, /MR_STATE_CODEC_UNKNOWN.*codec reversed/)
  assert.deepEqual(new Set(await lines(place, 'keys', name, '--operator', 'totals')), new Set(totals.keys()))
}

async function lookAtDifferences(place: Place, first: number): Promise<void> {
  const { name, written } = place.scene
  await state(place, 0, 'compare', name, name)
  const { states } = JSON.parse((await state(place, 1, 'compare', `${name}@${first}`, name)).stdout)
  const before = remember(written.slice(0, PART))
  const now = remember(written)
  const accumulators = states.find((one: { state: string }) => one.state === 'accumulator')
  assert.equal(accumulators.added, [...now.totals.keys()].filter((bucket) => !before.totals.has(bucket)).length)
  assert.equal(accumulators.removed, 0)
  assert.equal(accumulators.added + accumulators.changed + accumulators.unchanged, now.totals.size)
  assert.equal((await state(place, 2, 'compare', name, `${name}@999999`)).stdout, '')
}

/** With other partitions, without a state, with mapped values, under another name: and then on from there. */
async function rewriteAndGoOn(place: Place, savepoint: string): Promise<void> {
  const { scene, checkpoints } = place
  const before = remember(scene.written)
  const to = `${checkpoints}/rewritten`
  const wanted = ['--partitions', 'by-bucket=5', '--drop-state', 'accounts/most', '--map', 'itest/state/jobs/accounts-map.ts']
  await state(place, 0, 'rewrite', savepoint, '--to', to, ...wanted)
  const refused = await state(place, 1, 'rewrite', savepoint, '--to', `${to}-2`, '--partitions', 'payments=8')
  assert.match(refused.stderr, /MR_STATE_REWRITE_REFUSED: payments is a source/)

  const name = `${scene.name}-2`
  const job = scene.start({ options: { 'app-id': name, from: to }, env: { PARTITIONS: '5', VERSION: '2' } })
  await scene.write(PART)
  await counted(place, 3 * PART, name)
  assert.deepEqual(await job.kill('SIGTERM'), { exitCode: 0, signal: null }, job.tail())
  const { last, totals } = remember(scene.written)
  const since = remember(scene.written.slice(2 * PART))
  const expected = [...last].map(([key, { amount, payments }]) => {
    if (key === 'k7') return [key, since.last.get(key)]
    return [key, { amount, payments: payments + (before.last.has(key) ? 1_000 : 0) }]
  })
  const exported = await lines(place, 'export', name, '--operator', 'accounts', '--state', 'last')
  assert.deepEqual(
    new Map(exported.map(({ key, value }) => [key, value])),
    new Map(expected.filter(([, value]) => value !== undefined) as [string, unknown][]),
  )
  const counts = await lines(place, 'export', name, '--operator', 'totals')
  assert.deepEqual(new Map(counts.map(({ key, value }) => [key, value])), totals)
  assert.ok(new Set(counts.map(({ task }) => task)).size === 5, 'all partitions of the exchange have keys')
}

/** Until a checkpoint in the storage holds so many payments, behind the exchange. */
async function counted(place: Place, payments: number, name = place.scene.name): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS
  for (let found = -1; found !== payments; ) {
    assert.ok(performance.now() < deadline, `${found} of ${payments} payments are counted`)
    found = await countOf(place, name)
  }
}

async function countOf({ checkpoints, storage }: Place, name: string): Promise<number> {
  try {
    const stored = await openState({ appId: name, checkpoints }, { storage })
    let found = 0
    try {
      for await (const { value } of stored.operator('totals').aggregating<{ count: number }>()) found += value.count
    } finally {
      await stored.close()
    }
    return found
  } catch (error) {
    // None yet, or the job has dropped it meanwhile.
    const { code } = error as { code?: string }
    if (code === 'MR_CLI_NO_CHECKPOINT' || code === 'MR_STORAGE_NOT_FOUND' || code === 'MR_STATE_NOT_FOUND') return -1
    throw error
  }
}

async function newest({ scene, checkpoints, storage }: Place): Promise<number> {
  const stored = await openState({ appId: scene.name, checkpoints }, { storage })
  await stored.close()
  return stored.checkpoint
}

const state = (place: Place, exitCode: number, ...args: readonly string[]) => millrace(place, exitCode, 'state', ...args)

/** The command as its users run it. */
async function millrace({ checkpoints, flags }: Place, exitCode: number, ...args: readonly string[]) {
  const reached = args[0] === 'state' ? [`--checkpoints=${checkpoints}`, ...flags] : []
  const own = ['--conditions=millrace-source', 'src/main.ts', ...args, ...reached]
  const result = await runCommand(process.execPath, own, { env: cleanEnvironment() })
  assert.equal(result.exitCode, exitCode, `millrace ${args.join(' ')}:\n${result.stdout.slice(-2000)}${result.stderr}`)
  return result
}

async function lines(place: Place, ...args: readonly string[]) {
  const { stdout } = await state(place, 0, ...args)
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
