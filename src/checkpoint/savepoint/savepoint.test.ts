import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../common/clock.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import { MemoryStorage } from '../../testing/memory-storage.ts'
import { changesOf, type Entry, entriesOf } from '../segment/testing.ts'
import { encodeSavepoint, SAVEPOINT_METADATA } from './savepoint-metadata.ts'
import { SavepointReader } from './savepoint-reader.ts'
import { type SavepointFacts, SavepointWriter } from './savepoint-writer.ts'

const FACTS: SavepointFacts = {
  applicationId: 'app',
  checkpoint: 12,
  epoch: 7,
  isStopped: true,
  completedAt: '2026-11-21T09:00:00.000Z',
  graphDigest: 'abc',
  sources: { orders: { identity: 'topic-1', positions: { 0: 17 } } },
  exchanges: { by: { partitions: 2, values: 'row-1' } },
  stages: { by: { input: 'exchange', keys: 'string', operators: ['visit'] } },
  watermarks: {},
  states: [],
}

/** Values that don't compress, so that small files fill. */
const entries = (count: number): Entry[] =>
  Array.from({ length: count }, (_, i) => [
    `key-${String(i).padStart(6, '0')}`,
    Array.from({ length: 40 }, (_, at) => String.fromCharCode((i * 7919 + at * 104729 + ((i * at) % 251)) & 0xff)).join(''),
    i % 3 === 0 ? 1_900_000_000_000 + i : 0,
  ])

async function* of<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

async function* inParts(task: string, all: readonly Entry[], size: number): AsyncGenerator<StateChanges> {
  for (let at = 0; at < all.length; at += size) yield changesOf(task, all.slice(at, at + size))
}

async function gather<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of stream) items.push(item)
  return items
}

const frame = (i: number): Buffer => Buffer.from(`frame ${i} ${'x'.repeat(i % 5000)}${Math.sin(i)}`)
const frames = Array.from({ length: 400 }, (_, i) => frame(i))
const large = entries(5000)
const small = entries(3)

async function written(storage: MemoryStorage, name = '0000000012-e7'): Promise<SavepointWriter> {
  const writer = new SavepointWriter({ storage, name, clock: systemClock, fileBytes: 20_000 })
  await writer.begin()
  await writer.addTask('orders/0', inParts('orders/0', large, 700))
  await writer.addTask('orders/1', of<StateChanges>([]))
  await writer.addTask('by/1', inParts('by/1', small, 700))
  await writer.addFrames('by', 0, of<Buffer>([]))
  await writer.addFrames('by', 1, of(frames))
  return writer
}

test('state and frames are read back as they were, over several files, from a copy too', async () => {
  const storage = new MemoryStorage()
  const writer = await written(storage)
  const { metadata, sha256 } = await writer.finish(FACTS)
  assert(metadata.files.filter(({ path }) => path.endsWith('.seg')).length > 3, 'state has filled several files')
  assert.deepEqual(Object.keys(metadata.tasks), ['orders/0', 'by/1'])
  assert.deepEqual(Object.keys(metadata.inFlight), ['by'])
  const copy = new MemoryStorage()
  for (const [path, bytes] of storage.files) await copy.put(path, [bytes])
  const reader = await SavepointReader.open(copy)
  assert.deepEqual(reader.metadata, metadata)
  assert.equal(reader.sha256, sha256)
  assert.deepEqual(entriesOf(await gather(reader.state('orders/0'))), large)
  assert.deepEqual(entriesOf(await gather(reader.state('by/1'))), small)
  assert.deepEqual(await gather(reader.state('orders/1')), [])
  assert.deepEqual((await gather(reader.frames('by', 1))).map(String), frames.map(String))
  assert.deepEqual(await gather(reader.frames('by', 0)), [])
  assert.deepEqual(await reader.verify(), [])
})

test('without metadata there is none; a second attempt into the same folder is one', async () => {
  const storage = new MemoryStorage()
  await written(storage)
  await assert.rejects(SavepointReader.open(storage), { code: 'MR_SAVEPOINT_NOT_FOUND' })
  await (await written(storage, '0000000013-e7')).finish({ ...FACTS, checkpoint: 13 })
  assert.equal((await SavepointReader.open(storage)).metadata.checkpoint, 13)
})

test('what was given up leaves nothing behind', async () => {
  const storage = new MemoryStorage()
  const writer = await written(storage)
  assert(storage.files.size > 0)
  await writer.discard()
  assert.equal(storage.files.size, 0)
})

test('where the metadata may still come, its files stay; where it is known to be there, it goes first', async () => {
  const storage = new MemoryStorage()
  const late = await written(storage)
  const put = storage.put.bind(storage)
  storage.put = (path, chunks) => (path === SAVEPOINT_METADATA ? Promise.reject(new Error('no answer')) : put(path, chunks))
  await assert.rejects(late.finish(FACTS), /no answer/)
  storage.put = put
  const files = storage.files.size
  assert(files > 0)
  await late.discard()
  assert.equal(storage.files.size, files)
  const known = await written(storage, '0000000013-e7')
  await known.finish(FACTS)
  await known.discard()
  assert.deepEqual(
    [...storage.files.keys()].filter((path) => !path.startsWith('0000000012')),
    [],
  )
})

test('a savepoint is never replaced', async () => {
  const storage = new MemoryStorage()
  const late = await written(storage, '0000000011-e7')
  await (await written(storage)).finish(FACTS)
  await assert.rejects(late.finish({ ...FACTS, checkpoint: 11 }), { code: 'MR_SAVEPOINT_EXISTS' })
  await assert.rejects(written(storage, '0000000014-e7'), { code: 'MR_SAVEPOINT_EXISTS' })
})

test('a byte that differs, and a file that is missing, are found', async () => {
  const storage = new MemoryStorage()
  const { metadata } = await (await written(storage)).finish(FACTS)
  const [first, second] = metadata.files
  const frames = metadata.files.find(({ path }) => path.endsWith('.frames'))
  assert(first !== undefined && second !== undefined && frames !== undefined)
  storage.files.get(first.path)![first.bytes >> 1]! ^= 1
  storage.files.delete(second.path)
  storage.files.get(frames.path)![frames.bytes - 1]! ^= 1
  const reader = await SavepointReader.open(storage)
  const damaged = await reader.verify()
  assert.deepEqual(
    new Map(damaged.map(({ path, problem }) => [path, problem])),
    new Map([
      [first.path, 'its SHA-256 differs'],
      [second.path, 'it is missing'],
      [frames.path, 'its SHA-256 differs'],
    ]),
  )
  await assert.rejects(gather(reader.state('orders/0')), { code: 'MR_SEGMENT_CORRUPT' })
})

test('each byte of the frames is covered by a checksum', async () => {
  const storage = new MemoryStorage()
  const writer = new SavepointWriter({ storage, name: 'x', clock: systemClock })
  await writer.addFrames('by', 0, of([frame(40), frame(1)]))
  const { metadata } = await writer.finish(FACTS)
  const { path } = metadata.files[0]!
  const bytes = storage.files.get(path)!
  const reader = await SavepointReader.open(storage)
  for (let at = metadata.inFlight.by![0]![0]!.offset; at < bytes.length; at++) {
    bytes[at]! ^= 1
    await assert.rejects(gather(reader.frames('by', 0)), { code: 'MR_SEGMENT_CORRUPT' }, `byte ${at}`)
    bytes[at]! ^= 1
  }
  assert.equal((await gather(reader.frames('by', 0))).length, 2)
})

test('other files and newer versions are refused by name', async () => {
  const storage = new MemoryStorage()
  storage.files.set(SAVEPOINT_METADATA, Buffer.from('{"format":"millrace-checkpoint","version":1}'))
  await assert.rejects(SavepointReader.open(storage), { code: 'MR_SAVEPOINT_CORRUPT' })
  const { bytes } = encodeSavepoint({
    ...FACTS,
    format: 'millrace-savepoint',
    version: 2,
    tasks: {},
    inFlight: {},
    files: [],
    totalBytes: 0,
  })
  storage.files.set(SAVEPOINT_METADATA, bytes)
  await assert.rejects(SavepointReader.open(storage), { code: 'MR_SAVEPOINT_UNKNOWN_VERSION' })
})
