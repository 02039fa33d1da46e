import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { type CheckpointMetadata, checkpointPath, encodeMetadata } from '../../checkpoint/metadata.ts'
import { type ControlRecord, encodeControlRecord } from '../../checkpoint/protocol/control-records.ts'
import { addFigureMetrics } from '../../service/figure-metrics.ts'
import { Metrics } from '../../service/metrics.ts'
import { prometheusText } from '../../service/prometheus-text.ts'
import { MemoryControlLog } from '../../testing/memory-control-log.ts'
import { storageOf, testCli, testFolder } from '../cli-test-kit.ts'
import { main } from '../main.ts'
import type { ShownStatus } from './status-command.ts'

const MIB = 2 ** 20
const AT = '2026-11-05T12:00:00.000Z'
const folder = await testFolder()

const PATH = checkpointPath('orders', 1, 0)
const { bytes, sha256 } = encodeMetadata({
  format: 'millrace-checkpoint',
  version: 1,
  applicationId: 'orders',
  checkpoint: 1,
  epoch: 0,
  segments: [{ path: 'a', bytes: 3 * MIB, sha256: '', since: 1 }],
  chains: { 'orders/0': [{ segment: 0, offset: 0, bytes: 2 * MIB, entries: 7_000 }] },
} as unknown as CheckpointMetadata)

const manifest = { segments: [], committables: [], committed: [] } as never
const RECORDS: ControlRecord[] = [
  {
    type: 'epoch-claimed',
    nonce: 'n',
    previousEpoch: -1,
    members: [{ worker: 'a', joinNonce: '1', memberId: 'm' }],
    assignment: { a: ['orders/0'] },
    graphDigest: 'g',
    workers: 1,
    slots: 6,
    at: AT,
  },
  { type: 'epoch-recovered', epoch: 0, restorePoint: null, settled: [], fresh: {}, sources: {}, exchanges: [] },
  { type: 'worker-ready', epoch: 0, worker: 'a', exchangeProducerId: 1 },
  { type: 'epoch-started', epoch: 0, at: AT },
  { type: 'savepoint-requested', epoch: 0, request: 'r', to: null, isStop: false, at: AT },
  { type: 'checkpoint-triggered', epoch: 0, checkpoint: 1, kind: 'periodic', request: 'r' },
  { type: 'checkpoint-acked', epoch: 0, checkpoint: 1, worker: 'a', manifest },
  { type: 'checkpoint-completed', epoch: 0, checkpoint: 1, path: PATH, sha256 },
  {
    type: 'savepoint-completed',
    epoch: 0,
    request: 'r',
    checkpoint: 1,
    uri: 'file:///s/1',
    sha256: 'x',
    bytes: 5 * MIB,
    at: AT,
  },
]

async function run(args: string[], { isTTY = true, stored = { [PATH]: String(bytes) } as Record<string, string> } = {}) {
  const log = new MemoryControlLog()
  await log.append(RECORDS.map(encodeControlRecord))
  const cli = testCli(folder, {
    isTTY,
    openControlLog: async () => ({ log, close: async () => {} }),
    openStorage: () => Promise.resolve(storageOf(stored)),
  })
  const code = await main(['status', 'orders', '--brokers', 'localhost:9092', ...args], cli)
  return { code, out: cli.stdout.plain, err: cli.stderr.plain }
}

const json = async (args: string[]) => JSON.parse((await run(args, { isTTY: false })).out) as ShownStatus

/** A copy as its HTTP server tells of it. */
async function serve(metrics: Metrics, applicationId = 'orders', state = 'running'): Promise<string> {
  const server = createServer(({ url }, response) =>
    response.end(url === '/metrics' ? prometheusText(metrics.all()) : JSON.stringify({ applicationId, state })),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** One with two workers, of which the second may lead. */
function copy(leads: boolean, hasBudget = true): Metrics {
  const metrics = new Metrics()
  const gauge = (name: string, value: number, labels = {}) => metrics.gauge(`millrace_${name}`, '', () => value, labels)
  addFigureMetrics(metrics, () => (leads ? { storageFactor: 1.5, restoreFactor: 1.25, compactionFactor: 0.5 } : {}))
  gauge('checkpoint_interval_seconds', 10, { worker: '0' })
  for (const worker of ['0', '1']) {
    gauge('restore_done_bytes', worker === '0' ? 10 * MIB : 1 * MIB, { worker })
    gauge('restore_total_bytes', worker === '0' ? 10 * MIB : 4 * MIB, { worker })
    gauge('memory_budget_bytes', hasBudget ? 512 * MIB : Number.NaN, { worker })
    gauge('memory_resident_bytes', hasBudget ? 300 * MIB : Number.NaN, { worker })
    gauge('memory_shared_bytes', hasBudget ? 120 * MIB : Number.NaN, { worker })
    for (const [use, mib] of [
      ['cache', 50],
      ['overlay', 20],
      ['fetch', 8],
    ] as const)
      gauge('memory_share_bytes', hasBudget ? mib * MIB : Number.NaN, { use, worker })
    const plan = (name: string, value: number, labels = {}) =>
      gauge(`plan_${name}`, leads && worker === '1' ? value : Number.NaN, { worker, ...labels })
    plan('full_bytes', 100 * MIB)
    plan('incremental_bytes', 2 * MIB)
    plan('least_interval_seconds', 0.3)
    plan('stored_bytes', 160 * MIB)
    plan('recovery_seconds', 14, { kind: 'mean' })
    plan('recovery_seconds', Number.POSITIVE_INFINITY, { kind: 'worst' })
    plan('warning', 1, { warning: 'no-headroom' })
  }
  return metrics
}

test('the last savepoint is told, also where nothing but the log is asked', async () => {
  const { out } = await run([])
  assert.match(out, /^savepoint {3}of checkpoint 1, 5\.0MiB, 2026-11-05T12:00:00\.000Z: file:\/\/\/s\/1$/m)
  assert.doesNotMatch(out, /^(holds|size|COPY)/m)
  const { lastSavepoint, stored, live } = await json([])
  assert.deepEqual(lastSavepoint, { checkpoint: 1, uri: 'file:///s/1', bytes: 5 * MIB, at: AT })
  assert.deepEqual([stored, live], [null, null])
})

test('where the storage is known it tells what the checkpoint holds, and how much of it is live', async () => {
  const { out } = await run(['--checkpoints', 's3://bucket/jobs'])
  assert.match(out, /^holds {7}7,000 entries, 2\.0MiB; 1\.50x of it is stored, a restore reads 1\.00x$/m)
  const { stored } = await json(['--checkpoints', 's3://bucket/jobs'])
  const expected = { checkpoint: 1, liveEntries: 7_000, liveBytes: 2 * MIB, storageFactor: 1.5, restoreFactor: 1 }
  assert.deepEqual(stored, expected)
  // What can't be read hides nothing else.
  const damaged = await run(['--checkpoints', 's3://bucket/jobs'], { stored: { [PATH]: '{}' } })
  assert.equal(damaged.code, 0)
  assert.match(damaged.out, /^holds {7}MR_CHECKPOINT_/m)
  assert.match(damaged.out, /^WORKER/m)
})

test('what the copies tell of themselves: the plan of the leader, restores, shares of memory', async () => {
  const follower = await serve(copy(false, false), 'orders', 'restoring')
  const leader = await serve(copy(true))
  const stranger = await serve(copy(true), 'clicks')
  const urls = [follower, `${leader}/metrics`, stranger, 'http://127.0.0.1:1'].join(',')
  const { code, out } = await run(['--metrics', urls])
  assert.equal(code, 0)
  assert.match(out, /^size {8}100MiB live, 160MiB stored, 2\.0MiB a checkpoint$/m)
  assert.match(out, /^interval {4}10\.0s; the least sensible is 300ms$/m)
  assert.match(out, /^recovery {4}takes 14\.0s on average, for ever at worst$/m)
  assert.match(
    out,
    /^factors {5}1\.50x of the live state stored, 1\.25x read by a restore, 0\.50x of changes written by compaction$/m,
  )
  assert.match(out, /^warnings {4}no-headroom: see millrace plan$/m)
  assert.match(out, /^COPY +SLOT {2}STATE +RESTORED +CACHE {2}CHANGES {2}FETCHING {2}MEMORY$/m)
  assert.match(out, new RegExp(`^${follower} +1 {2}restoring +1\\.0MiB of 4\\.0MiB, 25%$`, 'm'))
  assert.match(
    out,
    new RegExp(`^${leader}/metrics +0 {2}running +10\\.0MiB +50\\.0MiB +20\\.0MiB +8\\.0MiB {2}300MiB of 512MiB`, 'm'),
  )
  assert.match(out, new RegExp(`^${stranger} +MR_CLI_NOT_MEASURED: it is a copy of clicks$`, 'm'))
  assert.match(out, /^http:\/\/127\.0\.0\.1:1 +MR_CLI_NOT_MEASURED: http.*cannot be read/m)

  const { live } = await json(['--metrics', urls])
  assert.deepEqual(live?.plan, {
    fullBytes: 100 * MIB,
    incrementalBytes: 2 * MIB,
    intervalMs: 10_000,
    leastIntervalMs: 300,
    storedBytes: 160 * MIB,
    recoveryMeanMs: 14_000,
    recoveryWorstMs: null,
    storageFactor: 1.5,
    restoreFactor: 1.25,
    compactionFactor: 0.5,
    warnings: ['no-headroom'],
  })
  assert.deepEqual(live.copies[0], {
    url: follower,
    state: 'restoring',
    memory: null,
    workers: [
      { slot: 0, restore: { doneBytes: 10 * MIB, totalBytes: 10 * MIB }, memory: null },
      { slot: 1, restore: { doneBytes: MIB, totalBytes: 4 * MIB }, memory: null },
    ],
  })
  assert.equal((await json(['--metrics', follower])).live?.plan, null)
})

test('wrong usage of --metrics is refused', async () => {
  assert.equal((await run(['--metrics', 'host'])).code, 2)
  const cli = testCli(folder)
  assert.equal(await main(['rewind', 'orders', '--metrics', 'http://a'], cli), 2)
  assert.match(cli.stderr.plain, /--metrics is for millrace plan and millrace status/)
})
