import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PastCheckpoint } from '../checkpoint/protocol/checkpoint-history.ts'
import { type ControlRecord, decodeControlRecord, encodeControlRecord } from '../checkpoint/protocol/control-records.ts'
import { LogView } from '../checkpoint/protocol/log-view.ts'
import type { Config } from '../config/config.ts'
import { MemoryControlLog } from '../testing/memory-control-log.ts'
import { testCli, testFolder } from './cli-test-kit.ts'
import { main } from './main.ts'
import type { JobStatus } from './status/job-status.ts'

const folder = await testFolder()
const AT = '2026-11-05T12:00:00.000Z'

const claimed: ControlRecord = {
  type: 'epoch-claimed',
  nonce: 'n',
  previousEpoch: -1,
  members: [
    { worker: 'a-1', joinNonce: '1', memberId: 'm1' },
    { worker: 'b-2', joinNonce: '2', memberId: 'm2' },
  ],
  assignment: { 'a-1': ['orders/0', 'totals/1'], 'b-2': ['orders/2', 'orders/1', 'totals/0'] },
  graphDigest: 'g',
  workers: 2,
  slots: 6,
  at: AT,
}
const started: ControlRecord[] = [
  claimed,
  { type: 'epoch-recovered', epoch: 0, restorePoint: null, settled: [], fresh: {}, sources: {}, exchanges: [] },
  { type: 'worker-ready', epoch: 0, worker: 'a-1', exchangeProducerId: 1 },
  { type: 'worker-ready', epoch: 0, worker: 'b-2', exchangeProducerId: 2 },
  { type: 'epoch-started', epoch: 0, at: AT },
]

const manifest = { segments: [], committables: [], committed: [] } as never

function completed(checkpoint: number, kind: 'periodic' | 'final' = 'periodic'): ControlRecord[] {
  return [
    { type: 'checkpoint-triggered', epoch: 0, checkpoint, kind },
    { type: 'checkpoint-acked', epoch: 0, checkpoint, worker: 'a-1', manifest },
    { type: 'checkpoint-acked', epoch: 0, checkpoint, worker: 'b-2', manifest },
    { type: 'checkpoint-completed', epoch: 0, checkpoint, path: `orders/checkpoints/${checkpoint}`, sha256: 'ab' },
  ]
}

/** The log as it is when a command comes, and what the command makes of it. */
async function run(args: string[], records: readonly ControlRecord[], isTTY = true) {
  const log = new MemoryControlLog()
  if (records.length > 0) await log.append(records.map(encodeControlRecord))
  const asked: [string, Config][] = []
  let closed = 0
  const cli = testCli(folder, {
    isTTY,
    openControlLog: async (applicationId, config) => {
      asked.push([applicationId, config])
      return { log, close: async () => void closed++ }
    },
  })
  const code = await main([...args, '--brokers', 'localhost:9092'], cli)
  const view = new LogView()
  log.entries.forEach((value, offset) => void view.apply(offset, decodeControlRecord(value, offset)))
  assert.equal(closed, asked.length)
  return { code, out: cli.stdout.plain, err: cli.stderr.plain, view, asked, entries: log.entries.length }
}

test('status tells epoch, workers and tasks, restore point, pending checkpoint, lagging and failures', async () => {
  const failed: ControlRecord = {
    type: 'worker-failed',
    epoch: 0,
    worker: 'b-2',
    code: 'MR_USER_CODE_FAILED',
    cause: 'at record 7\nof orders',
    verdict: 'restart',
    at: AT,
  }
  const records: ControlRecord[] = [
    ...started,
    ...completed(1),
    ...completed(2),
    { type: 'exchange-lagging', epoch: 0, worker: 'a-1', isLagging: true },
    { type: 'checkpoint-triggered', epoch: 0, checkpoint: 3, kind: 'periodic' },
    { type: 'checkpoint-acked', epoch: 0, checkpoint: 3, worker: 'a-1', manifest },
  ]
  const { code, out, asked } = await run(['status', 'orders'], records)
  assert.equal(code, 0)
  assert.equal(asked[0]?.[0], 'orders')
  assert.deepEqual(asked[0]?.[1].brokers, ['localhost:9092'])
  assert.equal(
    out,
    `job         orders
state       running, or all its copies were killed
epoch       0, claimed ${AT}, started ${AT}
goes on     from checkpoint 2
retained    1, 2
pending     checkpoint 3, periodic: waits for b-2

WORKER  STATE  TASKS  PARTITIONS
a-1     lags       2  orders 0, totals 1
b-2     ready      3  orders 1 2, totals 0
`,
  )
  const { out: after } = await run(['status', '--app-id', 'orders'], [...records, failed])
  assert.match(after, /^state {7}failed; a copy that is up starts it again$/m)
  assert.match(
    after,
    /^FAILED +EPOCH {2}WORKER {2}CAUSE\n2026-11-05T12:00:00.000Z +0 {2}b-2 {5}MR_USER_CODE_FAILED: at record 7$/m,
  )
})

test('status tells what each worker keeps copies of, and how new they are', async () => {
  const withStandby: ControlRecord = { ...claimed, standby: { 'a-1': ['orders/1', 'totals/0'], 'b-2': ['orders/0'] } }
  const following = { ...(manifest as object), standbyCheckpoint: 1 } as never
  const { out } = await run(
    ['status', 'orders'],
    [
      withStandby,
      ...started.slice(1),
      ...completed(1),
      { type: 'checkpoint-triggered', epoch: 0, checkpoint: 2, kind: 'periodic' },
      { type: 'checkpoint-acked', epoch: 0, checkpoint: 2, worker: 'a-1', manifest: following },
    ],
  )
  assert.match(out, /^WORKER {2}STATE {2}TASKS {2}PARTITIONS +STANDBY$/m)
  assert.match(out, /^a-1 .* orders 1, totals 0 at checkpoint 1$/m)
  assert.match(out, /^b-2 .* orders 0 not whole yet$/m)
})

test('in a pipe, and with --json, status is JSON', async () => {
  for (const [args, isTTY] of [
    [['status', 'orders'], false],
    [['status', 'orders', '--json'], true],
  ] as const) {
    const { out } = await run([...args], [...started, ...completed(1)], isTTY)
    const status = JSON.parse(out) as JobStatus
    assert.deepEqual([status.phase, status.epoch?.number, status.retained, status.pending], ['running', 0, [1], null])
    assert.deepEqual(status.workers[1], {
      worker: 'b-2',
      isReady: true,
      isLagging: false,
      tasks: ['orders/2', 'orders/1', 'totals/0'],
      standby: [],
      standbyCheckpoint: null,
    })
  }
})

test('a job that has stopped, is starting, has failed for good or has never run is told from one that runs', async () => {
  const phase = async (records: ControlRecord[]) =>
    (JSON.parse((await run(['status', 'orders'], records, false)).out) as JobStatus).phase
  const failed: ControlRecord[] = [
    { type: 'worker-failed', epoch: 0, worker: 'a-1', code: 'X', cause: 'x', verdict: 'final', at: AT },
    { type: 'job-failed', epoch: 0, code: 'X', cause: 'x' },
  ]
  assert.equal(await phase([]), 'never-run')
  assert.equal(await phase([claimed]), 'starting')
  assert.equal(await phase([...started, ...completed(1, 'final')]), 'stopped')
  assert.equal(await phase([...started, ...completed(1, 'final'), { ...claimed, previousEpoch: 0 }]), 'starting')
  assert.equal(await phase([...started, ...failed]), 'failed')
  assert.match((await run(['status', 'orders'], started)).out, /\na-1 +(ready|lags) /)
  assert.match((await run(['status', 'orders'], [...started, ...completed(1, 'final')])).out, /\na-1 +ended /)
})

test('a rewind is read back, and says what is given up', async () => {
  const { code, out, view } = await run(
    ['rewind', 'orders', '--to-checkpoint', '2'],
    [...started, ...[1, 2, 3, 4].flatMap((checkpoint) => completed(checkpoint))],
  )
  assert.equal(code, 0)
  assert.equal(out, 'orders goes on from checkpoint 2; given up: 3, 4\n')
  assert.equal(view.restorePoint?.checkpoint, 2)
  assert.equal(view.epochState, 'failed')
  assert.deepEqual(
    view.abandoned.map(({ checkpoint }) => checkpoint),
    [3, 4],
  )
})

test('a rewind to what is not retained changes nothing, and says what there is', async () => {
  const records = [
    ...started,
    ...completed(1),
    ...completed(2),
    { type: 'checkpoint-dropped', epoch: 0, checkpoint: 1 } as const,
  ]
  const dropped = await run(['rewind', 'orders', '--to-checkpoint=1'], records)
  assert.equal(dropped.code, 1)
  assert.match(dropped.err, /MR_CLI_NOT_RETAINED: orders can't go back to checkpoint 1: it has 2\n/)
  assert.equal(dropped.entries, records.length)
  assert.match((await run(['rewind', 'orders', '--to-checkpoint', '1'], [])).err, /it has none/)
})

test('the history tells of the last checkpoints, newest first: completed, aborted and why, or abandoned', async () => {
  const records: ControlRecord[] = [
    ...started,
    ...completed(1),
    { type: 'checkpoint-triggered', epoch: 0, checkpoint: 2, kind: 'periodic', at: AT },
    {
      type: 'checkpoint-aborted',
      epoch: 0,
      checkpoint: 2,
      reason: 'storage-full',
      cause: 'b-2: no space\nleft',
      at: '2026-11-05T12:00:02.500Z',
    },
    { type: 'checkpoint-triggered', epoch: 0, checkpoint: 3, kind: 'final', at: AT },
    { ...claimed, previousEpoch: 0 },
  ]
  const { code, out, asked } = await run(['checkpoints', 'history', 'orders'], records)
  assert.equal(code, 0)
  assert.equal(asked[0]?.[0], 'orders')
  const rows = out.split('\n').map((line) => line.trim().split(/ {2,}/))
  assert.deepEqual(rows.slice(1, 4), [
    ['3', '0', 'final', AT, 'abandoned'],
    ['2', '0', 'periodic', AT, '2.50s', 'aborted: storage-full', 'b-2: no space'],
    ['1', '0', 'periodic', 'completed'],
  ])
  const { out: json } = await run(['checkpoints', 'history', 'orders'], records, false)
  assert.deepEqual(
    JSON.parse(json).map(({ outcome }: PastCheckpoint) => outcome),
    ['abandoned', 'aborted', 'completed'],
  )
  assert.match((await run(['checkpoints', 'history', 'orders'], [])).out, /tells of no checkpoint/)
  assert.equal((await run(['checkpoints', 'history'], [])).code, 2)
})

test('wrong usage of these commands ends with 2', async () => {
  for (const [args, message] of [
    [['status'], /expected an application id/],
    [['status', 'a', 'b'], /unexpected b behind the application id/],
    [['rewind', 'orders'], /expected --to-checkpoint <number>/],
    [['rewind', 'orders', '--to-checkpoint', 'last'], /--to-checkpoint is last; expected the number/],
    [['rewind', 'orders', '--to-checkpoint', '--json'], /--to-checkpoint needs a value, but --json follows it/],
    [['status', 'orders', '--to-checkpoint', '1'], /--to-checkpoint is for millrace rewind/],
  ] as const) {
    const { code, err, asked } = await run([...args], [])
    assert.equal(code, 2, args.join(' '))
    assert.match(err, message)
    assert.deepEqual(asked, [])
  }
})
