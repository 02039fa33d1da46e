import assert from 'node:assert/strict'
import { describe as suite, test } from 'node:test'
import fc from 'fast-check'
import { defineJob } from '../../api/define-job.ts'
import { valueState } from '../../api/state.ts'
import { decodeSavepoint, SAVEPOINT_METADATA, type SavepointMetadata } from '../../checkpoint/savepoint/savepoint-metadata.ts'
import { SavepointReader } from '../../checkpoint/savepoint/savepoint-reader.ts'
import { type SavepointFacts, SavepointWriter } from '../../checkpoint/savepoint/savepoint-writer.ts'
import { latin1Slice } from '../../common/bytes.ts'
import { systemClock } from '../../common/clock.ts'
import { murmur2Latin1, partitionForKey } from '../../common/murmur2.ts'
import type { ValueCodec } from '../../ports/value-codec.ts'
import { ALL_KEYS } from '../../records/changes-in-range.ts'
import { ROW_VALUES } from '../../records/exchange-frame.ts'
import { RecordsFrameDecoder, RecordsFrameEncoder } from '../../records/records-frame.ts'
import { StateChangesBuilder } from '../../records/state-changes-builder.ts'
import { messagePack } from '../../state/codecs.ts'
import { valueDecoder, valueEncoder } from '../../state/frame-values.ts'
import { stateKey, statePrefix } from '../../state/state-key.ts'
import { MemorySource } from '../../testing/memory-source.ts'
import { MemoryStorage } from '../../testing/memory-storage.ts'
import { compare } from '../compare.ts'
import { liveChanges } from '../live-changes.ts'
import { openSnapshot } from '../open-snapshot.ts'
import { type ReadOptions, StoredState } from '../stored-state.ts'
import { describe, stored } from '../testing.ts'
import type { RewriteOptions } from './rewrite-plan.ts'
import { rewriteSavepoint } from './rewrite-savepoint.ts'

const STATES = [
  describe(1, { operator: 'visits', name: 'last', stage: 'by' }),
  describe(2, { operator: 'visits', name: 'seen', stage: 'by', kind: 'map', mapKeys: 'string' }),
  describe(3, { operator: 'raw', name: 'count', stage: 'in' }),
  describe(4, {
    operator: 'sums',
    name: 'accumulator',
    stage: 'by',
    kind: 'aggregating',
    codec: 'aggregate(mean:avg,n:count)',
  }),
]

/** Record in flight: key, time, value. */
type Flying = readonly [key: string, timestamp: number, value: unknown]

interface Content {
  readonly keys: readonly string[]
  readonly flying: readonly Flying[]
  readonly values: string
}

const partitionOf = (key: string, partitions: number) => partitionForKey(murmur2Latin1(key), partitions)
const latin1 = (text: string) => Buffer.from(text).toString('latin1')
const ascending = (a: string, b: string) => (a < b ? -1 : 1)

const PARTITIONS = 3

function changesOf(task: string, entries: ReadonlyMap<string, Buffer>) {
  const builder = new StateChangesBuilder(task)
  for (const key of [...entries.keys()].sort(ascending)) builder.put(key, entries.get(key)!, key.length % 2 === 0 ? 4e12 : 0)
  return builder.build()
}

async function* of<T>(...items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

async function* framesOf({ flying, values }: Content, partition: number): AsyncGenerator<Buffer> {
  const own = flying.filter(([key]) => partitionOf(key, PARTITIONS) === partition)
  for (let at = 0; at < own.length; at += 3) {
    const frame = new RecordsFrameEncoder()
    const encoder = valueEncoder(values === ROW_VALUES ? undefined : messagePack)
    for (const [key, timestamp, value] of own.slice(at, at + 3)) frame.add(key, timestamp, encoder, value)
    const { buffer, start, end } = frame.finish()
    yield buffer.subarray(start, end)
  }
}

async function savepoint(content: Content): Promise<MemoryStorage> {
  const storage = new MemoryStorage()
  const writer = new SavepointWriter({ storage, name: 'own', clock: systemClock })
  const tasks = Array.from({ length: PARTITIONS }, () => new Map<string, Buffer>())
  for (const key of content.keys.map(latin1)) {
    const entries = tasks[partitionOf(key, PARTITIONS)]!
    entries.set(stateKey(statePrefix(1), key), stored(`last ${key}`))
    for (const mapKey of ['a', 'b']) entries.set(stateKey(statePrefix(2), key) + mapKey, stored({ key, mapKey }))
    const numbers = Buffer.alloc(25)
    numbers[0] = 1
    numbers.writeDoubleBE(10, 1)
    numbers.writeDoubleBE(4, 9)
    numbers.writeDoubleBE(4, 17)
    entries.set(stateKey(statePrefix(4), key), numbers)
  }
  for (const [partition, entries] of tasks.entries())
    await writer.addTask(`by/${partition}`, of(changesOf(`by/${partition}`, entries)))
  await writer.addTask('in/0', of(changesOf('in/0', new Map([[stateKey(statePrefix(3), 'r'), stored(1)]]))))
  for (let partition = 0; partition < PARTITIONS; partition++)
    await writer.addFrames('by', partition, framesOf(content, partition))
  await writer.finish({ ...FACTS, exchanges: { by: { ...FACTS.exchanges.by!, values: content.values } } })
  return storage
}

const FACTS = {
  ...{
    applicationId: 'app',
    checkpoint: 12,
    epoch: 7,
    isStopped: true,
    completedAt: '2026-11-21T09:00:00.000Z',
    graphDigest: 'abc',
  },
  sources: { in: { identity: 'topic-1', positions: { 0: 17 } } },
  exchanges: { by: { partitions: PARTITIONS, keys: 'string', values: ROW_VALUES } },
  stages: {
    in: { input: 'source', keys: 'string', operators: ['raw'] },
    by: { input: 'exchange', keys: 'string', operators: ['visits', 'sums'] },
  },
  watermarks: { 'in/0': 5, 'by/0': 9, 'by/1': 7, 'by/2': 8 },
  states: STATES,
} as unknown as SavepointFacts

async function open(storage: MemoryStorage, options: ReadOptions = {}): Promise<StoredState> {
  return new StoredState(await openSnapshot(storage, SAVEPOINT_METADATA), options)
}

async function rewrite(from: MemoryStorage, options: RewriteOptions, reading: ReadOptions = {}) {
  const to = new MemoryStorage()
  const metadata = await rewriteSavepoint(await open(from, reading), to, options)
  assert.deepEqual(decodeSavepoint(to.files.get(SAVEPOINT_METADATA)!, 'memory:'), metadata)
  assert.deepEqual(await (await SavepointReader.open(to)).verify(), [])
  return { to, metadata, state: await open(to, reading) }
}

async function flyingOf(storage: MemoryStorage): Promise<Map<number, Flying[]>> {
  const reader = await SavepointReader.open(storage)
  const { inFlight, exchanges } = reader.metadata as SavepointMetadata
  const decoder = valueDecoder(exchanges.by?.values === ROW_VALUES ? undefined : messagePack)
  const result = new Map<number, Flying[]>()
  for (const partition of Object.keys(inFlight.by ?? {}).map(Number)) {
    const records: Flying[] = []
    for await (const frame of reader.frames('by', partition)) {
      const { count, keyStarts, keyEnds, valueStarts, valueEnds, timestamps } = new RecordsFrameDecoder().decode(
        frame,
        0,
        frame.length,
      )
      decoder.begin()
      for (let i = 0; i < count; i++) {
        const key = latin1Slice(frame, keyStarts[i]!, keyEnds[i]!)
        records.push([key, timestamps[i]!, decoder.decode(frame, valueStarts[i]!, valueEnds[i]!)])
      }
    }
    result.set(partition, records)
  }
  return result
}

const SOME: Content = {
  keys: ['a', 'b', 'c', 'dé', 'e'],
  flying: [
    ['a', 1, { n: 1 }],
    ['b', 2, { n: 2 }],
    ['a', 3, { n: 3, more: 'x' }],
  ],
  values: ROW_VALUES,
}

suite('a savepoint that is rewritten', () => {
  test('with another number of partitions has each key, and each record in flight in its order, where the job looks for it', async () => {
    const anyValue = fc.oneof(
      fc.string(),
      fc.tuple(fc.integer(), fc.string()).map(([n, more]) => ({ n, more })),
      fc.constantFrom({ other: null }, { other: true }),
    )
    const anyContent: fc.Arbitrary<Content> = fc.record({
      keys: fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 5 }), { maxLength: 60 }),
      flying: fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.nat(), anyValue)),
      values: fc.constantFrom(ROW_VALUES, 'msgpack-1'),
    })
    await fc.assert(
      fc.asyncProperty(anyContent, fc.constantFrom(1, 2, 3, 7), async (content, partitions) => {
        const from = await savepoint(content)
        const { to, metadata, state } = await rewrite(from, { partitions: { by: partitions } })
        const before = await open(from)
        for (const { added, removed, changed } of await compare(before, state))
          assert.deepEqual([added, removed, changed], [0, 0, 0])
        for await (const part of state.read('visits', 'last').parts()) {
          for (const { task, key } of part) assert.equal(task, `by/${partitionOf(latin1(String(key)), partitions)}`)
        }
        // Found by key alone, so where the hash says.
        for (const key of content.keys)
          assert.equal(await state.operator('visits').value('last').get(key), `last ${latin1(key)}`)
        assert.equal(metadata.exchanges.by?.partitions, partitions)
        const flying = await flyingOf(to)
        for (const [partition, records] of flying) {
          for (const [key] of records) assert.equal(partitionOf(key, partitions), partition)
        }
        for (const key of ['a', 'b', 'c', 'd', 'e']) {
          const own = [...flying.values()].flat().filter((record) => record[0] === key)
          assert.deepEqual(
            own,
            content.flying.filter((record) => record[0] === key),
          )
        }
      }),
      { numRuns: 60 },
    )
  })

  test('spreads more records in flight than one frame holds', async () => {
    const flying = Array.from({ length: 500 }, (_, i): Flying => ['abcde'[i % 5]!, i, { n: i, text: `${i}`.repeat(300) }])
    for (const partitions of [1, 4]) {
      const { to, metadata } = await rewrite(await savepoint({ ...SOME, flying }), { partitions: { by: partitions } })
      const found = await flyingOf(to)
      for (const key of 'abcde') {
        const own = [...found.values()].flat().filter((record) => record[0] === key)
        assert.deepEqual(
          own,
          flying.filter((record) => record[0] === key),
        )
      }
      const frames = Object.values(metadata.inFlight.by ?? {})
        .flat()
        .reduce((sum, { entries }) => sum + entries, 0)
      assert.ok(frames > partitions, `${frames} frames`)
    }
  })

  test('is copied byte by byte, where no function maps it: no codec need read it', async () => {
    // A map, which comes back as a plain object; a number longer than it need be; what is no MessagePack at all.
    const values = [stored(new Map([[1, 'one']])), Buffer.from([1, 0xcd, 0, 1]), Buffer.from([1, 0xc1, 0xff]), Buffer.from([9])]
    const entries = new Map(values.map((value, i) => [stateKey(statePrefix(1), `key ${i}`), value]))
    const from = new MemoryStorage()
    const writer = new SavepointWriter({ storage: from, name: 'own', clock: systemClock })
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const own = [...entries].filter((_, i) => partitionOf(`key ${i}`, PARTITIONS) === partition)
      await writer.addTask(`by/${partition}`, of(changesOf(`by/${partition}`, new Map(own))))
    }
    const flying: Flying[] = [
      ['a', 1, { by: new Map([[1, 'one']]) }],
      ['a', 2, new Map([[2, 'two']])],
    ]
    const partition = partitionOf('a', PARTITIONS)
    await writer.addFrames('by', partition, framesOf({ keys: [], flying, values: ROW_VALUES }, partition))
    await writer.finish(FACTS)
    for (const partitions of [PARTITIONS, 2, 7]) {
      const { to, state } = await rewrite(from, { partitions: { by: partitions } })
      const found = new Map<string, Buffer>()
      for (const task of state.tasks) {
        for await (const part of liveChanges(state.reading, task, ALL_KEYS)) {
          for (const [i, key] of part.keys.entries())
            found.set(key, part.values.subarray(part.valueStarts[i], part.valueEnds[i]))
        }
      }
      assert.deepEqual(found, entries)
      const frames = async (storage: MemoryStorage, own: number) => {
        const written: Buffer[] = []
        for await (const frame of (await SavepointReader.open(storage)).frames('by', own)) written.push(Buffer.from(frame))
        return written
      }
      assert.deepEqual(await frames(to, partitionOf('a', partitions)), await frames(from, partition))
    }
  })

  test('keeps everything else: positions, watermarks (the least, where partitions change), tasks of sources', async () => {
    const from = await savepoint(SOME)
    const before = decodeSavepoint(from.files.get(SAVEPOINT_METADATA)!, '')
    const same = (await rewrite(from, {})).metadata
    const { tasks: _tasks, inFlight: _inFlight, files: _files, totalBytes: _totalBytes, ...facts } = same
    for (const [name, value] of Object.entries(facts)) assert.deepEqual(value, before[name as keyof SavepointMetadata], name)
    const { metadata } = await rewrite(from, { partitions: { by: 2 } })
    assert.deepEqual(metadata.watermarks, { 'in/0': 5, 'by/0': 7, 'by/1': 7 })
    assert.deepEqual(metadata.sources, before.sources)
    assert.ok(metadata.tasks['in/0'] !== undefined)
  })

  test('is read by the stages that it names, where its states are of a build that named none', async () => {
    const from = await savepoint(SOME)
    const metadata = JSON.parse(String(from.files.get(SAVEPOINT_METADATA)))
    for (const state of metadata.states) for (const field of ['stage', 'keys', 'ttl']) delete state[field]
    from.files.set(SAVEPOINT_METADATA, Buffer.from(JSON.stringify(metadata)))
    const state = await open(from)
    assert.deepEqual(
      state.operators().map(({ name, stage }) => [name, stage]),
      [
        ['visits', 'by'],
        ['raw', 'in'],
        ['sums', 'by'],
      ],
    )
    assert.deepEqual(
      state.read('visits', 'last').tasks,
      ['by/0', 'by/1', 'by/2'].filter((task) => state.tasks.includes(task)),
    )
  })

  test('without some of its states or operators holds nothing of them', async () => {
    const from = await savepoint(SOME)
    const { metadata, state } = await rewrite(from, { dropOperators: ['raw'], dropStates: ['visits/seen'] })
    assert.deepEqual(
      metadata.states.map(({ operator, name }) => `${operator}/${name}`),
      ['visits/last', 'sums/accumulator'],
    )
    assert.equal(metadata.tasks['in/0'], undefined)
    assert.deepEqual(
      (await state.sizes()).map(({ entries }) => entries),
      [5, 5],
    )
    const slices = Object.values(metadata.tasks).flat()
    assert.equal(
      slices.reduce((sum, { entries }) => sum + entries, 0),
      10,
    )
  })

  test('with mapped values holds what the functions gave: values, aggregates as accumulators, nothing for undefined', async () => {
    const from = await savepoint(SOME)
    const { state, metadata } = await rewrite(from, {
      map: {
        'visits/last': (value: string, { key }) => (key === 'b' ? undefined : { was: value }),
        'sums/accumulator': async ({ mean, n }) => ({ mean: { sum: mean.sum * 2, count: mean.count }, n: n + 1 }),
      },
      partitions: { by: 4 },
    })
    assert.deepEqual(await state.operator('visits').value('last').get('a'), { was: 'last a' })
    assert.equal(await state.operator('visits').value('last').get('b'), undefined)
    assert.deepEqual(await state.operator('sums').aggregating().get('b'), { mean: 5, n: 5 })
    assert.deepEqual(await state.operator('visits').map('seen').get('b', 'a'), { key: 'b', mapKey: 'a' })
    assert.equal(metadata.states[0]?.codecVersion, 1)
  })

  test('is migrated to the version of a job that is given', async () => {
    const upper: ValueCodec<unknown> = {
      name: 'upper',
      version: 2,
      encode: (value, out) => out.bytes(Buffer.from(String(value).toUpperCase())),
      decode: (buffer, start, end) => buffer.toString('utf8', start, end),
    }
    const { migration } = await import('../../api/state-options.ts')
    const job = defineJob('later', (builder) => {
      builder
        .source('in', new MemorySource<string>([[]]))
        .keyBy((value) => value, { name: 'by' })
        .process('visits', {
          state: { last: valueState({ codec: upper, migrations: { 1: migration(messagePack, (old) => `${old}!`) } }) },
          onRecord() {},
        })
    })
    const { state, metadata } = await rewrite(await savepoint(SOME), { map: { 'visits/last': (value) => value } }, { job })
    assert.equal(await state.operator('visits').value('last').get('a'), 'LAST A!')
    const { codec, codecVersion, olderVersions } = metadata.states[0]!
    assert.deepEqual([codec, codecVersion, olderVersions], ['upper', 2, []])
  })

  test('is refused, by name, where it cannot be', async () => {
    const from = await savepoint(SOME)
    const refusal = async (options: RewriteOptions, code: string, message: RegExp) => {
      const to = new MemoryStorage()
      await assert.rejects(rewriteSavepoint(await open(from), to, options), { code, message })
      assert.deepEqual([...to.files.keys()], [])
    }
    await refusal({ dropOperators: ['else'] }, 'MR_STATE_NOT_FOUND', /no state of operator else; it holds visits\/last/)
    await refusal({ dropStates: ['visits/else'] }, 'MR_STATE_NOT_FOUND', /no state visits\/else/)
    await refusal({ map: { 'visits/else': String } }, 'MR_STATE_NOT_FOUND', /no state visits\/else/)
    await refusal(
      { partitions: { in: 2 } },
      'MR_STATE_REWRITE_REFUSED',
      /in is a source: its tasks are the partitions of its topic/,
    )
    await refusal({ partitions: { on: 2 } }, 'MR_STATE_REWRITE_REFUSED', /no exchange on; there are by/)
    await refusal({ partitions: { by: 0 } }, 'MR_STATE_REWRITE_REFUSED', /cannot have 0 partitions/)
    await refusal(
      { map: { 'raw/count': String }, dropOperators: ['raw'] },
      'MR_STATE_REWRITE_REFUSED',
      /dropped and to be mapped/,
    )
    const failing = () => {
      throw new Error('no such thing')
    }
    await refusal(
      { map: { 'visits/last': failing } },
      'MR_STATE_MAPPING_FAILED',
      /visits\/last with key "\w+" in by\/\d.*no such thing/,
    )
    await refusal({ map: { 'sums/accumulator': () => ({}) } }, 'MR_STATE_MAPPING_FAILED', /sums\/accumulator/)
    const taken = new MemoryStorage()
    await taken.put(SAVEPOINT_METADATA, [Buffer.from('{}')])
    await assert.rejects(rewriteSavepoint(await open(from), taken, {}), { code: 'MR_SAVEPOINT_EXISTS' })
  })
})
