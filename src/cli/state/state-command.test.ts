import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { describe as suite, test } from 'node:test'
import { numberKeys } from '../../api/number-keys.ts'
import { type SavepointFacts, SavepointWriter } from '../../checkpoint/savepoint/savepoint-writer.ts'
import { systemClock } from '../../common/clock.ts'
import { MillraceError } from '../../common/errors.ts'
import { liveChanges } from '../../inspect/live-changes.ts'
import { openSnapshot } from '../../inspect/open-snapshot.ts'
import { SegmentMarks } from '../../inspect/segment-marks.ts'
import { StoredState } from '../../inspect/stored-state.ts'
import { APP, CheckpointScene, describe, stored } from '../../inspect/testing.ts'
import { ALL_KEYS } from '../../records/changes-in-range.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import { StateChangesBuilder } from '../../records/state-changes-builder.ts'
import { stateKey, statePrefix } from '../../state/state-key.ts'
import { MemoryStorage } from '../../testing/memory-storage.ts'
import { testCli, testFolder } from '../cli-test-kit.ts'
import { main } from '../main.ts'

const STATES = [
  describe(1, { operator: 'visits', name: 'last', ttl: { afterMs: 60_000, refresh: 'write' }, expires: true }),
  describe(2, {
    operator: 'visits',
    name: 'seen',
    kind: 'map',
    mapKeys: 'number',
    olderVersions: [{ version: 2, codec: 'shout' }],
    codecVersion: 3,
  }),
  describe(3, { operator: 'sums', name: 'accumulator', kind: 'aggregating', codec: 'aggregate(n:count)' }),
]

const EXPIRES_AT_MS = Date.UTC(2999, 0)
const numbers = (n: number) => Buffer.concat([Buffer.from([1]), doubles(n)])

function doubles(n: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(n)
  return bytes
}

/** With a state that needs the job. */
const OWN = STATES.map((state) => (state.name === 'seen' ? { ...state, codec: 'shout' } : state))

/** Two checkpoints: the second changes one entry, removes one and adds one. */
async function scene(states = STATES): Promise<CheckpointScene> {
  const key = (id: number, text: string, mapKey = '') => stateKey(statePrefix(id), text) + mapKey
  const mapKey = (n: number) => numberKeys.keyCodec.encode(n)
  const own = new CheckpointScene(states)
  const first = new StateChangesBuilder('in/0')
  first.put(
    key(1, 'BER'),
    stored({ at: new Date(0), big: 7n, set: new Set([1]), bad: Number.NaN, bytes: Buffer.from('hi') }),
    EXPIRES_AT_MS,
  )
  first.put(key(1, 'gone'), stored(1), 1)
  first.put(key(2, 'BER', mapKey(-1)), stored('minus', undefined, 3)).put(key(2, 'BER', mapKey(2)), stored('two', undefined, 3))
  first.put(key(3, 'BER'), numbers(3)).put(key(3, 'MUC'), numbers(1))
  await own.cut([first.build()])
  const second = new StateChangesBuilder('in/0')
  second
    .delete(key(2, 'BER', mapKey(-1)))
    .put(key(2, 'HAM', mapKey(1)), stored('one', undefined, 3))
    .put(key(3, 'MUC'), numbers(2))
  return own.cut([second.build()])
}

const folder = await testFolder()

async function run(args: readonly string[], { isTTY = false, states = STATES } = {}) {
  const { storage } = await scene(states)
  const opened: string[] = []
  const openStorage = async ({ checkpoints }: { checkpoints: string }) => {
    opened.push(checkpoints)
    return storage
  }
  const cli = testCli(folder, { isTTY, openStorage })
  const code = await main(['state', ...args, '--checkpoints', 's3://b/jobs'], cli)
  const lines = cli.stdout.text.split('\n').filter((line) => line !== '')
  return { code, opened, out: cli.stdout.plain, err: cli.stderr.plain, lines: () => lines.map((line) => JSON.parse(line)) }
}

suite('millrace state', () => {
  test('list shows states and tasks, with what is live of them', async () => {
    const { code, out } = await run(['list', APP], { isTTY: true })
    assert.equal(code, 0)
    assert.match(out, /^orders, checkpoint 2 of epoch 1, 1970/)
    assert.match(out, /OPERATOR +STATE +STAGE +KIND +CODEC +VERSIONS +TTL +ENTRIES +KEYS +BYTES +TASKS\n/)
    assert.match(out, /visits +last +in +value +string → msgpack +1 +1m0s +1 +1 +\d+B +1\n/)
    assert.match(out, /visits +seen +in +map +string → number → msgpack +3, 2 +2 +2 +/)
    assert.match(out, /in\/0 +2 +\d+B +9\n/)
    const listed = JSON.parse((await run(['list', APP, '--checkpoint', '1'])).out)
    assert.equal(listed.checkpoint, 1)
    assert.deepEqual(
      listed.operators.map((operator: { name: string; states: { name: string; entries: number; keyCount: number }[] }) => [
        operator.name,
        ...operator.states.map(({ name, entries, keyCount }) => [name, entries, keyCount]),
      ]),
      [
        ['visits', ['last', 1, 1], ['seen', 2, 1]],
        ['sums', ['accumulator', 2, 2]],
      ],
    )
    assert.deepEqual(listed.tasks, [{ task: 'in/0', slices: 1, storedBytes: listed.tasks[0].storedBytes, storedEntries: 6 }])
    const quick = JSON.parse((await run(['list', `${APP}@1`, '--quick'])).out)
    assert.equal(quick.operators[0].states[0].entries, undefined)
    assert.equal(quick.operators[0].states[1].codecVersion, 3)
  })

  test('get gives the entries of a key, and ends with 1 where there are none', async () => {
    const last = await run(['get', APP, '--operator', 'visits', '--state', 'last', '--key', 'BER'])
    assert.equal(last.code, 0)
    assert.deepEqual(last.lines(), [
      {
        ...{ operator: 'visits', state: 'last', key: 'BER' },
        value: { at: '1970-01-01T00:00:00.000Z', big: '7', set: [1], bad: 'NaN', bytes: 'aGk=' },
        ...{ expiresAt: '2999-01-01T00:00:00.000Z', version: 1, task: 'in/0' },
      },
    ])
    const map = await run(['get', `${APP}@1`, '--operator', 'visits', '--state', 'seen', '--key', 'BER', '--map-key=-1'])
    assert.deepEqual(
      map.lines().map(({ mapKey, value, version }) => [mapKey, value, version]),
      [[-1, 'minus', 3]],
    )
    const whole = await run(['get', `${APP}@1`, '--operator', 'visits', '--state', 'seen', '--key', 'BER'])
    assert.deepEqual(
      whole.lines().map(({ mapKey, value }) => [mapKey, value]),
      [
        [-1, 'minus'],
        [2, 'two'],
      ],
    )
    const unknown = await run(['get', APP, '--operator', 'visits', '--state', 'seen', '--key', 'BER'], { states: OWN })
    assert.equal(unknown.code, 1)
    assert.match(unknown.err, /MR_STATE_CODEC_UNKNOWN: the values of visits\/seen were written by codec shout/)
    const only = await run(['get', APP, '--operator', 'sums', '--key', 'MUC'])
    assert.deepEqual(
      only.lines().map(({ value }) => value),
      [{ n: 2 }],
    )
    const none = await run(['get', APP, '--operator', 'sums', '--key', 'XXX'])
    assert.equal(none.code, 1)
    assert.equal(none.out, '')
    assert.match(none.err, /no entry of sums\/accumulator for this key in memory:\/orders\/checkpoints\/0000000002-e1/)
    const expired = await run(['get', APP, '--operator', 'visits', '--state', 'last', '--key', 'gone'])
    assert.equal(expired.code, 1)
  })

  test('keys and export write a line each', async () => {
    assert.deepEqual((await run(['keys', APP, '--operator', 'visits'])).lines(), ['BER', 'HAM'])
    assert.deepEqual((await run(['keys', APP, '--operator', 'visits', '--state', 'last'])).lines(), ['BER'])
    const exported = await run(['export', APP, '--operator', 'sums'])
    assert.deepEqual(
      exported.lines().map(({ state, key, value }) => [state, key, value]),
      [
        ['accumulator', 'BER', { n: 3 }],
        ['accumulator', 'MUC', { n: 2 }],
      ],
    )
    assert.equal((await run(['export', APP])).lines().length, 5)
    const all = await run(['export', APP], { states: OWN })
    assert.equal(all.code, 1)
    assert.equal(all.out, '', 'nothing is written before an unknown codec is told')
  })

  test('compare ends with 0 where both are equal, 1 where they differ, 2 where it failed', async () => {
    const different = await run(['compare', `${APP}@1`, `${APP}@2`])
    assert.equal(different.code, 1)
    const { isEqual, states } = JSON.parse(different.out)
    assert.equal(isEqual, false)
    assert.deepEqual(states, [
      { operator: 'visits', state: 'last', added: 0, removed: 0, changed: 0, unchanged: 1 },
      { operator: 'visits', state: 'seen', added: 1, removed: 1, changed: 0, unchanged: 1 },
      { operator: 'sums', state: 'accumulator', added: 0, removed: 0, changed: 1, unchanged: 1 },
    ])
    const table = await run(['compare', `${APP}@1`, `${APP}@2`], { isTTY: true })
    assert.match(table.out, /sums +accumulator +0 +0 +1 +1\n/)
    assert.equal((await run(['compare', `${APP}@2`, APP])).code, 0)
    const failed = await run(['compare', APP, `${APP}@9`])
    assert.equal(failed.code, 2)
    assert.match(failed.err, /MR_CLI_NO_CHECKPOINT: there is no checkpoint 9 of orders/)
  })

  test('--details tells each difference', async () => {
    const { code, lines } = await run(['compare', `${APP}@1`, APP, '--details'])
    assert.equal(code, 1)
    assert.deepEqual(
      lines().map(({ change, key, mapKey, before, after }) => [change, key, mapKey, before?.value, after?.value]),
      [
        ['removed', 'BER', -1, 'minus', undefined],
        ['added', 'HAM', 1, undefined, 'one'],
        ['changed', 'MUC', undefined, { n: 1 }, { n: 2 }],
      ],
    )
    assert.equal((await run(['compare', `${APP}@1`, APP, '--details'], { states: OWN })).code, 2)
    assert.equal((await run(['compare', `${APP}@1`, APP], { states: OWN })).code, 1, 'counting needs no codec')
  })

  test('a place may be a URI, whose root is opened', async () => {
    const uri = 's3://other/jobs/orders/checkpoints/0000000001-e1'
    for (const text of [uri, `${uri}/metadata.json`]) {
      const { code, opened } = await run(['keys', text, '--operator', 'sums'])
      assert.equal(code, 0)
      assert.deepEqual(opened, ['s3://other/jobs'])
    }
    const { opened } = await run(['keys', 'file:x/orders/checkpoints/0000000001-e1/', '--operator', 'sums'])
    assert.match(opened[0] ?? '', /^file:\/\/\/.*\/x$/)
    assert.equal((await run(['list', 's3://other/savepoint'])).code, 1)
  })

  test('wrong usage is refused', async () => {
    for (const args of [
      [],
      ['lst', APP],
      ['list'],
      ['list', APP, APP],
      ['compare', APP],
      ['get', APP],
      ['get', APP, '--operator', 'visits', '--key', 'x'],
      ['get', APP, '--operator', 'sums'],
      ['get', APP, '--operator', 'sums', '--key', 'x', '--map-key', '1'],
      ['keys', APP],
      ['export', APP, '--state', 'last'],
      ['export', APP, '--key', 'x'],
      ['list', APP, '--details'],
      ['list', `${APP}@x`],
      ['list', './folder'],
      ['list', 'gs://b/x'],
      ['list', 'no name'],
      ['list', '..'],
      ['list', 's3://b/orders/checkpoints/0000000001-e1', '--checkpoint', '1'],
    ]) {
      const { code, err } = await run(args)
      assert.equal(code, 2, args.join(' '))
      assert.match(err, /MR_CLI_USAGE/, args.join(' '))
    }
    // What follows an unknown flag is no operand.
    const mistyped = await run(['get', APP, '--operatr', 'sums', '--key', 'x'])
    assert.match(mistyped.err, /MR_CONFIG_UNKNOWN_OPTION: unknown option --operatr .*did you mean --operator\?/)
    const cli = testCli(folder)
    assert.equal(await main(['status', APP, '--operator', 'x'], cli), 2)
    assert.match(cli.stderr.text, /--operator is for millrace state/)
  })
})

suite('millrace state rewrite', () => {
  async function savepoint(): Promise<MemoryStorage> {
    const storage = new MemoryStorage()
    const { storage: from } = await scene()
    const writer = new SavepointWriter({ storage, name: 'own', clock: systemClock })
    const snapshot = await openSnapshot(from, `${APP}/checkpoints/0000000002-e1/metadata.json`)
    for (const task of snapshot.tasks.keys()) {
      const reading = { snapshot, marks: new SegmentMarks(snapshot), nowMs: 0, budgetBytes: 1_000_000 }
      await writer.addTask(task.replace('in', 'by'), renamed(liveChanges(reading, task, ALL_KEYS), task.replace('in', 'by')))
    }
    await writer.finish({
      ...{
        applicationId: APP,
        checkpoint: 2,
        epoch: 1,
        isStopped: true,
        completedAt: '',
        graphDigest: '',
        sources: {},
        watermarks: {},
      },
      ...{ exchanges: { by: { partitions: 1, values: 'row-1' } }, stages: {} },
      states: STATES.map((state) => ({ ...state, stage: 'by' })),
    } as unknown as SavepointFacts)
    return storage
  }

  async function* renamed(stream: AsyncIterable<StateChanges>, task: string) {
    for await (const changes of stream) yield { ...changes, task }
  }

  async function rewrite(...args: readonly string[]) {
    const to = new MemoryStorage()
    const storages = new Map([
      ['s3://b/from', await savepoint()],
      ['s3://b/to', to],
    ])
    const files = { 'map.ts': "export default { 'sums/accumulator': ({ n }: { n: number }) => ({ n: n * 100 }) }" }
    const cli = testCli(await testFolder(files), { openStorage: async ({ checkpoints }) => storages.get(checkpoints)! })
    const code = await main(['state', 'rewrite', 's3://b/from', ...args], cli)
    return { code, to, out: cli.stdout.plain, err: cli.stderr.plain }
  }

  test('writes a savepoint with what was asked for', async () => {
    const { code, to, out, err } = await rewrite(
      ...['--to', 's3://b/to', '--partitions', 'by=3', '--drop-operator', 'visits', '--map', 'map.ts'],
    )
    assert.equal(code, 0, err)
    const { partitions, states } = JSON.parse(out)
    assert.deepEqual([partitions, states], [{ by: 3 }, ['sums/accumulator']])
    const sums = new StoredState(await openSnapshot(to, 'metadata.json')).operator('sums').aggregating()
    assert.deepEqual(await sums.get('BER'), { n: 300 })
    assert.deepEqual(await sums.get('MUC'), { n: 200 })
    const dropped = await rewrite('--to', 's3://b/to', '--drop-state', 'visits/seen', '--drop-state', 'visits/last')
    assert.deepEqual(JSON.parse(dropped.out).states, ['sums/accumulator'])
  })

  test('that is interrupted leaves nothing behind, and ends with 130', async () => {
    const from = await savepoint()
    const to = new MemoryStorage()
    const cli = testCli(folder, { openStorage: async ({ checkpoints }) => (checkpoints === 's3://b/to' ? to : from) })
    const put = to.put.bind(to)
    to.put = async (path, ...rest) => {
      await put(path, ...rest)
      cli.signals.emit('SIGINT')
    }
    assert.equal(await main(['state', 'rewrite', 's3://b/from', '--to', 's3://b/to'], cli), 130)
    assert.match(cli.stderr.plain, /MR_CLI_INTERRUPTED: interrupted by SIGINT/)
    assert.deepEqual([...to.files.keys()], [])
    assert.equal(cli.signals.listenerCount('SIGINT'), 0)
  })

  test('refuses what cannot be done', async () => {
    for (const [args, problem] of [
      [[], /needs --to/],
      [['--to', 'here'], /MR_CLI_USAGE/],
      [['--to', 's3://b/to', '--partitions', 'by'], /expected <exchange>=<number>/],
      [['--to', 's3://b/to', '--partitions', 'in=3'], /MR_STATE_REWRITE_REFUSED.*no exchange in/],
      [['--to', 's3://b/to', '--map', 'other.ts'], /MR_JOB_FILE_NOT_FOUND/],
    ] as const) {
      const { code, err, to } = await rewrite(...args)
      assert.notEqual(code, 0)
      assert.match(err, problem)
      assert.equal(to.files.size, 0)
    }
    const checkpoint = await run(['rewrite', `${APP}@1`, '--to', 's3://b/to'])
    assert.match(checkpoint.err, /MR_STATE_REWRITE_REFUSED.*is a checkpoint/)
  })
})

suite('an error', () => {
  async function dataOf(args: readonly string[], code: 'MR_STORAGE_UNAVAILABLE' | 'MR_STATE_NOT_FOUND') {
    const openStorage = () => Promise.reject(new MillraceError(code, 'it failed'))
    const cli = testCli(folder, { openStorage })
    await main([...args, '--checkpoints', 's3://b/jobs'], cli)
    return /data: +(.*)/.exec(cli.stderr.plain)?.[1]
  }

  test('says what it means for the data where no job runs', async () => {
    for (const args of [
      ['state', 'list', APP],
      ['state', 'compare', APP, APP],
      ['plan', APP],
      ['checkpoints', 'verify', APP],
    ])
      assert.equal(await dataOf(args, 'MR_STORAGE_UNAVAILABLE'), 'None: it was only read.', args.join(' '))
    for (const args of [
      ['state', 'rewrite', 's3://b/s', '--to', 's3://b/t'],
      ['checkpoints', 'sweep', APP],
    ])
      assert.equal(await dataOf(args, 'MR_STORAGE_UNAVAILABLE'), 'Nothing is lost.', args.join(' '))
    assert.equal(await dataOf(['state', 'lst'], 'MR_STORAGE_UNAVAILABLE'), 'None: nothing was done.')
  })
})

suite('an export', () => {
  async function large() {
    const own = new CheckpointScene([describe(1)])
    const builder = new StateChangesBuilder('in/0')
    for (let i = 0; i < 20_000; i++) builder.put(stateKey(statePrefix(1), String(i).padStart(6, '0')), stored('x'.repeat(50)))
    return own.cut([builder.build()])
  }

  /** A pipe whose reader takes what `take` lets it. */
  function pipe(take: (chars: number, done: () => void) => void) {
    return new Writable({
      highWaterMark: 16 * 1024,
      write(chunk: Buffer, _encoding, done) {
        take(chunk.length, done)
      },
    })
  }

  test('waits for its reader', async () => {
    const { storage } = await large()
    let taken = 0
    let most = 0
    const stdout = pipe((bytes, done) => {
      most = Math.max(most, stdout.writableLength)
      taken += bytes
      setImmediate(done)
    })
    const cli = { ...testCli(folder, { openStorage: async () => storage }), stdout }
    assert.equal(await main(['state', 'export', APP, '--checkpoints', 's3://b/jobs'], cli), 0)
    assert.ok(taken > 2_000_000, `${taken} bytes`)
    assert.ok(most < 100_000, `${most} bytes wait for the reader`)
  })

  test('fails where its output cannot be written', async () => {
    const { storage } = await large()
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    const stdout = new Writable({ write: (_chunk, _encoding, done) => done(full) })
    const cli = { ...testCli(folder, { openStorage: async () => storage }), stdout }
    assert.equal(await main(['state', 'export', APP, '--checkpoints', 's3://b/jobs'], cli), 1)
    assert.match(cli.stderr.plain, /MR_CLI_OUTPUT_FAILED: standard output: no space left on device/)
  })

  test('ends when its reader has gone', async () => {
    const { storage } = await large()
    let chunks = 0
    const stdout: Writable = pipe((_, done) => {
      if (++chunks === 3) stdout.destroy()
      done()
    })
    const cli = { ...testCli(folder, { openStorage: async () => storage }), stdout }
    assert.equal(await main(['state', 'export', APP, '--checkpoints', 's3://b/jobs'], cli), 0)
    assert.equal(chunks, 3)
  })

  test('or a comparison, ends when its reader has gone', async () => {
    const builders = Array.from({ length: 8 }, (_, task) => new StateChangesBuilder(`in/${task}`))
    for (const builder of builders)
      for (let i = 0; i < 2_000; i++) builder.put(stateKey(statePrefix(1), String(i).padStart(6, '0')), stored('x'.repeat(50)))
    const full = await new CheckpointScene([describe(1)]).cut(builders.map((builder) => builder.build()))
    const empty = await new CheckpointScene([describe(1)]).cut([])
    const storages = [full.storage, empty.storage]
    let isGone = false
    const stdout: Writable = pipe((_, done) => {
      isGone = true
      stdout.destroy()
      done()
    })
    const { storage } = full
    const getRange = storage.getRange.bind(storage)
    storage.getRange = async (...range) => {
      assert.ok(!isGone, 'more is read')
      return getRange(...range)
    }
    const cli = { ...testCli(folder, { openStorage: async () => storages.shift()! }), stdout }
    const code = await main(['state', 'compare', APP, APP, '--details', '--checkpoints', 's3://b/jobs'], cli)
    assert.deepEqual([code, isGone], [1, true], cli.stderr.plain)
  })
})
