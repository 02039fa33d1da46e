import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { type CheckpointMetadata, checkpointPath, encodeMetadata } from '../../checkpoint/metadata.ts'
import type { Plan } from '../../planning/plan.ts'
import type { PlanSettings } from '../../planning/plan-settings.ts'
import { addFigureMetrics } from '../../service/figure-metrics.ts'
import { Metrics } from '../../service/metrics.ts'
import { prometheusText } from '../../service/prometheus-text.ts'
import { storageOf, testCli, testFolder } from '../cli-test-kit.ts'
import { main } from '../main.ts'

const folder = await testFolder()

async function run(args: string[], { isTTY = false, stored = {} }: { isTTY?: boolean; stored?: Record<string, string> } = {}) {
  const cli = testCli(folder, { isTTY, openStorage: () => Promise.resolve(storageOf(stored)) })
  const code = await main(['plan', ...args], cli)
  return { code, out: cli.stdout.plain, err: cli.stderr.plain }
}

async function planOf(args: string[], stored: Record<string, string> = {}) {
  const { code, out, err } = await run(args, { stored })
  assert.equal(code, 0, err)
  return JSON.parse(out) as Plan & { settings: PlanSettings }
}

const about = (found: number, expected: number) =>
  assert.ok(Math.abs(found - expected) <= 1e-3 * Math.abs(expected), `${found}, expected about ${expected}`)

test('from flags alone: 20 million keys', async () => {
  const args = ['--keys', '20000000', '--value-bytes', '100', '--key-bytes', '16', '--changed-keys', '200000']
  const plan = await planOf([...args, '--checkpoint-interval', '10s', '--upload-rate', '100MB', '--price-gb-month', '0.023'])
  assert.equal(plan.figures.entryBytes, 120)
  about(plan.fullBytes, 2.4e9)
  about(plan.changedEntries, 200_000)
  about(plan.incrementalBytes, 24e6)
  assert.equal(plan.sources.entries, 'given')
  assert.equal(plan.sources.restoreBytesPerSecond, 'assumed')
  assert.equal(plan.settings.transactionTimeoutMs, 900_000)
  assert.ok(plan.retention.moneyPerDay! > 0)
})

test('on a terminal it is a table with where each figure is from, and what is warned of', async () => {
  const args = ['--keys', '20000000', '--value-bytes', '100', '--updates-per-second', '100000', '--recovery-target', '30s']
  const { code, out } = await run(args, { isTTY: true })
  assert.equal(code, 0)
  assert.match(out, /^full size {11}2\.2GiB\n/)
  assert.match(out, /^live entries +20,000,000 +given$/m)
  assert.match(out, /^upload speed +81\.1MiB\/s +assumed$/m)
  assert.match(out, /^recovery-above-target: a recovery takes up to .*the target is 30s/m)
  assert.match(out, /^cache-below-working-set: /m)
})

test('of a memory budget the caches are what they begin with', async () => {
  const caches = async (...args: string[]) =>
    (await planOf(['--keys', '10', '--value-bytes', '1', ...args])).settings.cacheBytes
  assert.equal(await caches(), 256 * 2 ** 20)
  const budgeted = await caches('--memory-budget', '1GiB')
  assert.ok(budgeted > 300 * 2 ** 20 && budgeted < 600 * 2 ** 20, `${budgeted}`)
  assert.equal(
    (await run(['--keys', '10', '--value-bytes', '1', '--memory-budget', '1GiB', '--state-cache-bytes', '1MiB'])).code,
    2,
  )
})

test('a transaction that could outlive its timeout is warned of, not refused', async () => {
  const { warnings } = await planOf(['--keys', '10', '--value-bytes', '1', '--transaction-timeout', '1m'])
  assert.deepEqual(
    warnings.map(({ code }) => code),
    ['transaction-timeout'],
  )
})

function metadata(checkpoint: number, own: Partial<CheckpointMetadata>): [string, string] {
  const whole = { format: 'millrace-checkpoint', version: 2, applicationId: 'orders', checkpoint, epoch: 5, ...own }
  return [checkpointPath('orders', checkpoint, 5), encodeMetadata(whole as CheckpointMetadata).bytes.toString()]
}

const at = (second: number) => new Date(Date.UTC(2026, 10, 5) + second * 1_000).toISOString()
const merged = { from: 1, to: 6, isBottom: true, part: 0 }
const base = { path: 'a', bytes: 120_000_000, sha256: '', since: 6 }

const STORED = Object.fromEntries([
  metadata(7, {
    triggeredAt: at(0),
    durationMs: 500,
    writtenBytes: 10_000_000,
    sources: { orders: { identity: '', positions: { 0: 100, 1: 200 } } },
    segments: [base, { path: 'b', bytes: 10_000_000, sha256: '', since: 7 }],
    chains: {
      'orders/0': [
        { segment: 0, offset: 0, bytes: 100_000_000, entries: 1_000_000, merged },
        { segment: 1, offset: 0, bytes: 10_000_000, entries: 100_000 },
      ],
    },
  }),
  metadata(8, {
    triggeredAt: at(20),
    durationMs: 1_000,
    writtenBytes: 10_000_000,
    sources: { orders: { identity: '', positions: { 0: 30_100, 1: 10_200 } } },
    segments: [base, { path: 'c', bytes: 10_000_000, sha256: '', since: 8 }],
    chains: {
      'orders/0': [
        { segment: 0, offset: 0, bytes: 100_000_000, entries: 1_000_000, merged },
        { segment: 1, offset: 0, bytes: 10_000_000, entries: 100_000 },
      ],
    },
  }),
])

test('from the checkpoints of an app', async () => {
  const plan = await planOf(['orders', '--checkpoints', 's3://bucket/jobs'], STORED)
  assert.equal(plan.figures.entries, 1_000_000)
  assert.equal(plan.figures.entryBytes, 100)
  assert.equal(plan.figures.inputPerSecond, 2_000)
  assert.equal(plan.figures.uploadBytesPerSecond, 20_000_000)
  assert.equal(plan.sources.uploadBytesPerSecond, 'measured')
  assert.equal(plan.settings.intervalMs, 20_000)
  about(plan.changedEntries, 100_000)
  about(plan.figures.storageFactor, 1.3)
  // A flag wins over what was found.
  const other = await planOf(
    ['orders', '--checkpoints', 's3://b/j', '--checkpoint-interval', '5s', '--upload-rate', '100kB'],
    STORED,
  )
  assert.equal(other.settings.intervalMs, 5_000)
  assert.equal(other.figures.uploadBytesPerSecond, 1e5)
  assert.ok(other.warnings.some(({ code }) => code === 'interval-below-least'))
})

async function serve(text: () => string): Promise<string> {
  const server = createServer((_, response) => response.end(text()))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('from the metrics of a running job, of which one copy leads', async () => {
  const copy = (entries: number) => {
    const metrics = new Metrics()
    const figures = { entries, entryBytes: 50, updatesPerSecond: 1_000, overheadMs: 120 }
    addFigureMetrics(metrics, () => (Number.isNaN(entries) ? {} : figures))
    metrics.gauge('millrace_job_workers', '', () => 3, { worker: '0' })
    metrics.gauge('millrace_checkpoint_interval_seconds', '', () => 2.5)
    return serve(() => prometheusText(metrics.all()))
  }
  const [follower, leader] = [await copy(Number.NaN), await copy(7_000)]
  const plan = await planOf(['--metrics', `${follower},${leader}/metrics`])
  assert.equal(plan.figures.entries, 7_000)
  assert.equal(plan.figures.overheadMs, 120)
  assert.equal(plan.sources.entries, 'measured')
  assert.equal(plan.settings.intervalMs, 2_500)
  assert.equal(plan.settings.workers, 3)
  const none = await run(['--metrics', follower])
  assert.equal(none.code, 1)
  assert.match(none.err, /MR_CLI_NOT_MEASURED: none of http/)
})

test('wrong usage is refused', async () => {
  for (const args of [
    [],
    ['--keys', '5'],
    ['a', 'b'],
    ['a', '--metrics', 'http://x'],
    ['--keys', 'many'],
    ['--metrics', 'x'],
  ]) {
    assert.equal((await run(args)).code, 2, args.join(' '))
  }
  const cli = testCli(folder)
  assert.equal(await main(['checkpoints', 'list', '--keys', '5'], cli), 2)
  assert.match(cli.stderr.plain, /--keys is for millrace plan/)
  assert.equal((await run(['orders', '--checkpoints', 's3://b/j'])).code, 1)
})
