import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CheckpointMetadata, checkpointPath, encodeMetadata } from '../../checkpoint/metadata.ts'
import { MemoryStorage } from '../../testing/memory-storage.ts'
import { storageOf, testCli, testFolder } from '../cli-test-kit.ts'
import { main } from '../main.ts'

function metadata(applicationId: string, checkpoint: number, own: Partial<CheckpointMetadata> = {}): CheckpointMetadata {
  return {
    format: 'millrace-checkpoint',
    version: 1,
    applicationId,
    checkpoint,
    epoch: 5,
    kind: 'periodic',
    parent: { checkpoint: checkpoint - 1, sha256: 'ab' },
    triggeredAt: '2026-11-05T12:00:00.000Z',
    completedAt: '2026-11-05T12:00:00.340Z',
    durationMs: 340,
    graphDigest: 'cd',
    sources: { flights: { identity: 'id', positions: { 0: 1_000, 1: 2_000 } } },
    states: [{ id: 1, operator: 'delays', name: 'aggregate', codec: 'msgpack', codecVersion: 1 }],
    segments: [{ path: 'a', bytes: 2048, sha256: 'ef', since: checkpoint }],
    chains: {
      'flights/0': [{ segment: 0, offset: 0, bytes: 1024, entries: 1_200 }],
      'flights/1': [{ segment: 0, offset: 1024, bytes: 1024, entries: 34 }],
    },
    committables: { w0: [{ participant: 'kafka', committable: { id: `${applicationId}.0.3:1207:5` } }] },
    writtenBytes: 2_048,
    totalBytes: 4_096,
    ...own,
  } as CheckpointMetadata
}

function files(...all: CheckpointMetadata[]): Record<string, string> {
  return Object.fromEntries(
    all.map((one) => [checkpointPath(one.applicationId, one.checkpoint, one.epoch), encodeMetadata(one).bytes.toString()]),
  )
}

const folder = await testFolder()
const STORED = { ...files(metadata('orders', 7), metadata('orders', 12)), 'orders/segments/0000000007-e5-w0.seg': 'x' }

async function run(args: string[], stored: Record<string, string>, isTTY = true) {
  const storage = storageOf(stored)
  const cli = testCli(folder, { isTTY, openStorage: () => Promise.resolve(storage) })
  const code = await main(['checkpoints', ...args, '--checkpoints', 's3://bucket/jobs'], cli)
  return { code, out: cli.stdout.plain, err: cli.stderr.plain, storage }
}

test('on a terminal the checkpoints are a table', async () => {
  const { code, out, storage } = await run(['list'], STORED)
  assert.equal(code, 0)
  assert.equal(
    out,
    `JOB     CHECKPOINT  EPOCH  KIND      COMPLETED                  TOOK  WRITTEN   TOTAL  ENTRIES    LIVE  STORED   READ  PATH
orders           7      5  periodic  2026-11-05T12:00:00.340Z  340ms   2.0KiB  4.0KiB    1,234  2.0KiB   1.00x  1.00x  orders/checkpoints/0000000007-e5/metadata.json
orders          12      5  periodic  2026-11-05T12:00:00.340Z  340ms   2.0KiB  4.0KiB    1,234  2.0KiB   1.00x  1.00x  orders/checkpoints/0000000012-e5/metadata.json
`,
  )
  assert.equal(storage.closed, true)
})

test('in a pipe, and with --json, they are JSON', async () => {
  const expected = {
    applicationId: 'orders',
    checkpoint: 7,
    epoch: 5,
    path: 'orders/checkpoints/0000000007-e5/metadata.json',
    kind: 'periodic',
    completedAt: '2026-11-05T12:00:00.340Z',
    durationMs: 340,
    writtenBytes: 2_048,
    totalBytes: 4_096,
    entries: 1_234,
    liveBytes: 2_048,
    storageFactor: 1,
    restoreFactor: 1,
  }
  assert.deepEqual(JSON.parse((await run(['list'], STORED, false)).out)[0], expected)
  assert.deepEqual(JSON.parse((await run(['list', '--json'], STORED)).out)[0], expected)
  assert.deepEqual(JSON.parse((await run(['show', '7', '--json'], STORED)).out), metadata('orders', 7))
})

test('one that cannot be read does not hide the others', async () => {
  const stored = {
    ...STORED,
    'orders/checkpoints/0000000009-e5/metadata.json': '{ "format": "millrace-checkpoint", "version": 99 }',
  }
  const { code, out } = await run(['list'], stored)
  assert.equal(code, 0)
  assert.match(out, /orders +7 .*\norders +9 +5 +MR_CHECKPOINT_UNKNOWN_VERSION .*\norders +12 /)
  const shown = await run(['show', '9'], stored)
  assert.equal(shown.code, 1)
  assert.match(shown.err, /MR_CHECKPOINT_UNKNOWN_VERSION.*99/)
})

test('show tells positions, state, tasks and prepared transactions of the newest, or of one', async () => {
  const { out } = await run(['show'], STORED)
  assert.match(out, /^job +orders\ncheckpoint +12, periodic, of epoch 5\nbuilds on +checkpoint 11\n/)
  assert.match(out, /^live +2\.0KiB; 1\.00x of it is stored, a restore reads 1\.00x$/m)
  assert.match(out, /total +4\.0KiB in 1 segments, 1,234 entries/)
  assert.match(out, /flights +1 +2000\n/)
  assert.match(out, /delays +aggregate +msgpack v1\n/)
  assert.match(out, /flights\/0 +1 +1\.0KiB +1,200\n/)
  assert.match(out, /w0 +kafka +orders\.0\.3:1207:5\n/)
  assert.match((await run(['show', '7'], STORED)).out, /^checkpoint +7, /m)
})

test('jobs that share a storage are told apart by --app-id', async () => {
  const stored = { ...STORED, ...files(metadata('clicks', 3), metadata('clicks', 7)) }
  assert.match((await run(['list'], stored)).out, /clicks +3 .*\nclicks +7 .*\norders +7 /)
  assert.doesNotMatch((await run(['list', '--app-id', 'orders'], stored)).out, /clicks/)
  const ambiguous = await run(['show', '7'], stored)
  assert.equal(ambiguous.code, 2)
  assert.match(ambiguous.err, /choose one of clicks, orders with --app-id/)
  assert.match((await run(['show', '7', '--app-id', 'clicks'], stored)).out, /^job +clicks\n/)
})

test('where there is none it says so', async () => {
  assert.equal((await run(['list'], {})).out, 'no checkpoints in s3://bucket/jobs\n')
  assert.equal((await run(['list', '--json'], {})).out, '[]\n')
  const missing = await run(['show', '8'], STORED)
  assert.equal(missing.code, 1)
  assert.match(missing.err, /MR_CLI_NO_CHECKPOINT: there is no checkpoint 8 in s3:\/\/bucket\/jobs; there are 7, 12/)
})

test('wrong usage is refused', async () => {
  for (const args of [
    ...[[], ['lst'], ['list', '7'], ['show', 'seven'], ['show', '7', '8']],
    ...[
      ['list', '--deep'],
      ['verify', 'orders', '--delete'],
      ['verify', 'no name'],
      ['sweep', '..'],
      ['verify', '--savepoint', 'x'],
    ],
  ]) {
    const { code, err } = await run(args, STORED)
    assert.equal(code, 2, args.join(' '))
    assert.match(err, /MR_CLI_USAGE/)
  }
})

test('verify compares the storage with what checkpoints refer to, and ends with 1 where they differ', async () => {
  const own = metadata('orders', 12, {
    segments: [{ path: 'orders/segments/0000000012-e5-w0.seg', bytes: 1, sha256: 'no', since: 12 }],
  })
  const clean = { ...files(own), 'orders/segments/0000000012-e5-w0.seg': 'x' }
  const { code, out } = await run(['verify', 'orders'], clean)
  assert.equal(code, 0, out)
  assert.match(out, /^1 checkpoints, 2 files, \S+: none missing, damaged or referred to by nothing\n$/)
  // A mistaken name is none that is clean.
  for (const action of ['verify', 'sweep']) {
    const other = await run([action, 'ordres'], clean)
    assert.equal(other.code, 1)
    assert.match(other.err, /MR_CLI_NO_CHECKPOINT: there is no file of ordres in s3/)
    assert.equal(other.out, '')
  }
  const deep = await run(['verify', 'orders', '--deep'], clean)
  assert.equal(deep.code, 1)
  assert.match(deep.out, /damaged +orders\/segments\/0000000012-e5-w0.seg +its SHA-256 differs/)
  assert.match(deep.err, /MR_CLI_STORAGE_DIFFERS/)
  const missing = await run(['verify', 'orders'], files(own), false)
  assert.equal(missing.code, 1)
  assert.deepEqual(JSON.parse(missing.out).missing, [{ path: 'orders/segments/0000000012-e5-w0.seg', checkpoint: 12 }])
})

test('sweep lists what older epochs left behind, and deletes it when told to', async () => {
  const orphan = 'orders/segments/0000000003-e4-w0.seg'
  const stored = { ...files(metadata('orders', 12)), [orphan]: 'xyz', 'orders/segments/0000000013-e5-w0.seg': 'x' }
  const listed = await run(['sweep', 'orders'], stored)
  assert.equal(listed.code, 0)
  assert.match(listed.out, /^orders\/segments\/0000000003-e4-w0.seg .*\n1 files, .*--delete deletes them\n$/)
  const storage = new MemoryStorage()
  for (const [path, content] of Object.entries(stored)) await storage.put(path, [Buffer.from(content)])
  const cli = testCli(folder, { isTTY: false, openStorage: async () => storage })
  assert.equal(await main(['checkpoints', 'sweep', 'orders', '--delete', '--checkpoints', 's3://bucket/jobs'], cli), 0)
  const deleted = { out: cli.stdout.plain }
  assert.equal(storage.files.has(orphan), false)
  assert.equal(storage.files.size, Object.keys(stored).length - 1)
  assert.deepEqual(JSON.parse(deleted.out), { applicationId: 'orders', isDeleted: true, files: [{ path: orphan, bytes: 3 }] })
  assert.equal((await run(['sweep'], stored)).code, 2)
})
