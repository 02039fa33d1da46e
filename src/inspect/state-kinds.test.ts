/** State as jobs write it, read with and without them. */
import assert from 'node:assert/strict'
import { describe as suite, test } from 'node:test'
import { aggregator, avg, count, max, min, sum } from '../api/aggregates.ts'
import { defineJob, type JobDefinition } from '../api/define-job.ts'
import { numberKeys } from '../api/number-keys.ts'
import { aggregatingState, listState, mapState, reducingState, valueState } from '../api/state.ts'
import { migration } from '../api/state-options.ts'
import type { ByteWriter } from '../common/byte-writer.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import { StateChangesBuilder } from '../records/state-changes-builder.ts'
import { type KeyedRecord, OneTask } from '../runtime/tasks/keyed-states.fixture.ts'
import { createMemoryBackend } from '../state/memory/memory-backend.ts'
import { stateKey, statePrefix } from '../state/state-key.ts'
import { MemorySource } from '../testing/memory-source.ts'
import { AggregateFields } from './aggregate-fields.ts'
import type { ReadOptions, StoredState } from './stored-state.ts'
import { CheckpointScene, describe, stored } from './testing.ts'

/** Writes upper case, so that nobody takes it for MessagePack. */
const shout: ValueCodec<string> = {
  name: 'shout',
  version: 1,
  encode: (value, out: ByteWriter) => out.bytes(Buffer.from(value.toUpperCase())),
  decode: (buffer, start, end) => buffer.toString('utf8', start, end),
}

const longest = aggregator({
  name: 'longest',
  create: () => '',
  add: (best: string, n: number) => (String(n).length > best.length ? String(n) : best),
  result: (best) => ({ longest: best }),
})

const HOUR_MS = 3_600_000

function kindsJob() {
  return defineJob('kinds', (builder) => {
    builder
      .source('in', new MemorySource<number>([[]]))
      .keyByRecordKey()
      .process('all', {
        state: {
          last: valueState<unknown>(),
          list: listState<number>(),
          total: reducingState<number>((a, b) => a + b, { ttl: '1h' }),
          own: valueState<string>({ codec: shout }),
          shouts: listState<string>({ codec: shout }),
          stats: aggregatingState({ n: count(), mean: avg((n: number) => n), least: min((n: number) => n), longest }),
          seen: mapState<number, { readonly n: number }>({ key: numberKeys }),
        },
        onRecord(n, { state }) {
          state.last.set({ n, at: new Date(n), big: BigInt(n), set: new Set([n]) })
          state.list.add(n)
          state.total.add(n)
          state.own.set(`n${n}`)
          state.shouts.add(`n${n}`)
          state.stats.add(n)
          state.seen.set(n, { n })
          return [n]
        },
      })
      .keyByRecordKey()
      .aggregate('sums', { total: sum((n) => n), mean: avg((n) => n), most: max((n) => n) })
  })
}

async function read(task: OneTask<never>, options: ReadOptions): Promise<StoredState> {
  const scene = new CheckpointScene(task.states)
  for (const changes of task.chain) await scene.cut([changes])
  return scene.open(options)
}

async function run<T>(job: JobDefinition, records: readonly KeyedRecord<T>[], nowMs = 0): Promise<OneTask<T>> {
  const backend = createMemoryBackend()
  await backend.open()
  const task = new OneTask<T>(job, backend, 1_000_000)
  await more(task, records, nowMs)
  return task
}

async function more<T>(task: OneTask<T>, records: readonly KeyedRecord<T>[], nowMs = 0): Promise<void> {
  await task.run(records, nowMs)
  task.seal()
  await task.flush()
}

const plain = async (entries: AsyncIterable<{ readonly key: unknown; readonly value: unknown }>) =>
  (await Array.fromAsync(entries)).map(({ key, value }) => [key, value])

suite('state of a job', () => {
  test('of every kind is read as the job sees it', async () => {
    const job = kindsJob()
    const task = await run(job, [
      { key: 'BER', value: 7 },
      { key: 'München', value: 100 },
      { key: 'BER', value: 12 },
    ])
    const state = await read(task, { job, nowMs: 1 })
    const all = state.operator('all')
    assert.deepEqual(
      all.states.map(({ name, kind, stage, keys, ttl }) => [name, kind, stage, keys, ttl?.afterMs ?? null]),
      [
        ['last', 'value', 'in', 'string', null],
        ['list', 'list', 'in', 'string', null],
        ['total', 'reducing', 'in', 'string', HOUR_MS],
        ['own', 'value', 'in', 'string', null],
        ['shouts', 'list', 'in', 'string', null],
        ['stats', 'aggregating', 'in', 'string', null],
        ['seen', 'map', 'in', 'string', null],
      ],
    )
    const ofTwelve = { n: 12, at: new Date(12), big: 12n, set: new Set([12]) }
    const ofHundred = { n: 100, at: new Date(100), big: 100n, set: new Set([100]) }
    assert.deepEqual(await plain(all.value('last')), [
      ['BER', ofTwelve],
      ['München', ofHundred],
    ])
    assert.deepEqual(await all.value('last').get('München'), ofHundred)
    assert.deepEqual(await all.list<number>('list').get('BER'), [7, 12])
    assert.equal(await all.reducing<number>('total').get('BER'), 19)
    assert.equal(await all.value<string>('own').get('BER'), 'N12')
    assert.deepEqual(await all.list<string>('shouts').get('BER'), ['N7', 'N12'])
    assert.deepEqual(await all.aggregating('stats').get('BER'), { n: 2, mean: 9.5, least: 7, longest: { longest: '12' } })
    assert.deepEqual(await all.map<number, unknown>('seen').get('BER', 12), { n: 12 })
    const entries = await Array.fromAsync(all.map<number, unknown>('seen').entriesOf('BER'))
    assert.deepEqual(
      entries.map(({ mapKey, value }) => [mapKey, value]),
      [
        [7, { n: 7 }],
        [12, { n: 12 }],
      ],
    )
    assert.deepEqual(await state.operator('sums').aggregating().get('BER'), { total: 19, mean: 9.5, most: 12 })
    assert.deepEqual(await Array.fromAsync(all.keys()), ['BER', 'München'])
    const sizes = await state.sizes()
    assert.deepEqual(
      sizes.map((size) => [size.state, size.entries, size.keys, size.tasks]),
      [
        ...['last', 'list', 'total', 'own', 'shouts', 'stats'].map((name) => [name, 2, 2, 1]),
        ['seen', 3, 2, 1],
        ['accumulator', 2, 2, 1],
      ],
    )
  })

  test('is read without the job, but for codecs of its own; those are named, or given', async () => {
    const task = await run(kindsJob(), [{ key: 'BER', value: 7 }])
    const state = await read(task, { nowMs: 1 })
    const all = state.operator('all')
    assert.deepEqual(await all.list('list').get('BER'), [7])
    assert.deepEqual(await all.aggregating('stats').get('BER'), { n: 1, mean: 7, least: 7, longest: '7' })
    assert.deepEqual(await state.operator('sums').aggregating().get('BER'), { total: 7, mean: 7, most: 7 })
    assert.throws(() => all.value('own'), {
      code: 'MR_STATE_CODEC_UNKNOWN',
      message: 'the values of all/own were written by codec shout, which is not known here',
      remedy: /--job/,
    })
    assert.throws(() => all.list('shouts'), { code: 'MR_STATE_CODEC_UNKNOWN', message: /codec shout/ })
    const given = await read(task, { codecs: [shout as ValueCodec<unknown>], nowMs: 1 })
    assert.deepEqual(await given.operator('all').list('shouts').get('BER'), ['N7'])
  })

  test('that has expired is not there, and the rest says when it does', async () => {
    const task = await run(kindsJob(), [{ key: 'BER', value: 7 }])
    await more(task, [{ key: 'MUC', value: 8 }], 1000)
    const state = await read(task, { nowMs: HOUR_MS })
    const entries = await Array.fromAsync(state.operator('all').reducing<number>('total'))
    assert.deepEqual(entries, [{ key: 'MUC', value: 8, expiresAtMs: HOUR_MS + 1000, version: 1 }])
    assert.equal(await state.operator('all').reducing('total').get('BER'), undefined)
    assert.deepEqual(await state.operator('all').list('list').get('BER'), [7])
  })

  test('that older versions have left is migrated with the job, and as it was written without', async () => {
    const jobOf = (state: ReturnType<typeof valueState<unknown>>) =>
      defineJob('versions', (builder) => {
        builder
          .source('in', new MemorySource<unknown>([[]]))
          .keyByRecordKey()
          .process('p', {
            state: { v: state },
            onRecord(value, context) {
              context.state.v.set(value)
            },
          })
      })
    const task = await run<unknown>(jobOf(valueState<unknown>({ codec: shout as ValueCodec<unknown> })), [
      { key: 'a', value: 'x' },
    ])
    const second = valueState<unknown>({ version: 2, migrations: { 1: migration(shout, (old) => ({ two: old })) } })
    task.restart(jobOf(second))
    await more(task, [{ key: 'b', value: { two: 'y' } }])
    const third = valueState<unknown>({
      version: 3,
      migrations: { 1: migration(shout, (old) => ({ three: old })), 2: (old: { two: string }) => ({ three: old.two }) },
    })
    const job = jobOf(third)
    task.restart(job)
    await more(task, [{ key: 'c', value: { three: 'z' } }])
    const own = await read(task as OneTask<never>, { codecs: [shout as ValueCodec<unknown>] })
    const written = await Array.fromAsync(own.operator('p').value('v'))
    assert.deepEqual(
      written.map(({ key, value, version }) => [key, value, version]),
      [
        ['a', 'X', 1],
        ['b', { two: 'y' }, 2],
        ['c', { three: 'z' }, 3],
      ],
    )
    const migrated = await read(task as OneTask<never>, { job })
    assert.deepEqual(await plain(migrated.operator('p').value('v')), [
      ['a', { three: 'X' }],
      ['b', { three: 'y' }],
      ['c', { three: 'z' }],
    ])
  })

  test('with number keys or bytes, and of builds that did not write down which', async () => {
    const states = [
      describe(1, { keys: 'number' }),
      describe(2, { keys: 'bytes', operator: 'bytes' }),
      describe(3, { keys: 'mine', operator: 'mine' }),
    ]
    const builder = new StateChangesBuilder('in/0')
    for (const n of [-2.5, 0, 7]) builder.put(stateKey(statePrefix(1), numberKeys.keyCodec.encode(n)), stored(n))
    builder.put(stateKey(statePrefix(2), '\x00\xff'), stored('b'))
    builder.put(stateKey(statePrefix(3), 'k'), stored('m'))
    const changes = builder.build()
    const scene = await new CheckpointScene(states).cut([changes])
    const state = await scene.open()
    assert.deepEqual(await plain(state.operator('op').value('s1')), [
      [-2.5, -2.5],
      [0, 0],
      [7, 7],
    ])
    assert.equal(await state.operator('op').value<number, number>('s1').get(7), 7)
    await assert.rejects(state.operator('op').value('s1').get('7'), { code: 'MR_STATE_KEY_INVALID', message: /codec number/ })
    assert.equal(
      await state
        .operator('bytes')
        .value<string, Buffer>('s2')
        .get(Buffer.from([0, 255])),
      'b',
    )
    assert.throws(() => state.operator('mine').value('s3'), {
      code: 'MR_STATE_CODEC_UNKNOWN',
      message: /keys of mine\/s3.*codec mine/,
    })
    const mine = { name: 'mine', encode: String, decode: (text: string) => ({ text }) }
    const given = await scene.open({ keyCodecs: [mine] })
    assert.deepEqual(await plain(given.operator('mine').value('s3')), [[{ text: 'k' }, 'm']])
    const { stage: _stage, keys: _keys, ttl: _ttl, ...old } = describe(3, { operator: 'old' })
    const older = await new CheckpointScene([old]).cut([changes])
    const before = await older.open()
    assert.deepEqual(await plain(before.operator('old').value('s3')), [['k', 'm']])
    assert.equal(await before.operator('old').value('s3').get('k'), 'm')
  })
})

test('accumulators of aggregates are written again as they were, whatever their fields are called', () => {
  const fields = new AggregateFields('aggregate(a,b:count,mean:avg,x:y:sum,z:longest)')
  const value = { 'a,b': 3, mean: { sum: 7, count: 2 }, 'x:y': 1.5, z: ['own'] }
  const bytes = stored(value, fields.codec)
  assert.deepEqual(fields.codec.decode(bytes, 1, bytes.length), value)
  assert.deepEqual(
    fields.resultsOf(value, (_, own) => own),
    { 'a,b': 3, mean: 3.5, 'x:y': 1.5, z: ['own'] },
  )
})
