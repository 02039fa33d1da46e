/** Jobs whose state has changed its shape, over what older ones have left. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { count } from '../../api/aggregates.ts'
import { defineJob } from '../../api/define-job.ts'
import { numberKeys } from '../../api/number-keys.ts'
import { aggregatingState, listState, mapState, reducingState, type StateDescriptors, valueState } from '../../api/state.ts'
import { migration } from '../../api/state-options.ts'
import type { StateBackend } from '../../ports/state-backend.ts'
import type { ValueCodec } from '../../ports/value-codec.ts'
import { createMemoryBackend, createRocksDbBackend } from '../../state/backends.ts'
import { messagePack } from '../../state/codecs.ts'
import { MemorySink } from '../../testing/memory-sink.ts'
import { MemorySource } from '../../testing/memory-source.ts'
import { OneTask } from './keyed-states.fixture.ts'

// biome-ignore lint/suspicious/noExplicitAny: what these tests do with a state is theirs to know
type AnyStates = Record<string, any>
type Act = (states: AnyStates) => unknown

/** A job whose records are what to do with its states; what that gives is emitted. */
function jobOf(state: StateDescriptors) {
  return defineJob('migrating', (builder) => {
    builder
      .source('in', new MemorySource<Act>([[]]))
      .keyByRecordKey()
      .process('p', { state, onRecord: (act, { state: states }) => [act(states as AnyStates)] })
      .sink('out', new MemorySink<unknown>())
  })
}

/** Names as text: another way to write them, and another version. */
const textCodec: ValueCodec<string> = {
  name: 'text',
  version: 3,
  encode: (value, out) => out.bytes(Buffer.from(value)),
  decode: (buffer, start, end) => buffer.toString('utf8', start, end),
}

interface NameV1 {
  readonly name: string
}
interface NameV2 {
  readonly first: string
  readonly last: string
}
const toV2 = ({ name }: NameV1): NameV2 => ({ first: name.split(' ')[0]!, last: name.split(' ')[1]! })
const toV3 = ({ first, last }: NameV2): string => `${last}, ${first}`

const kinds = (options: object) => ({
  value: valueState<unknown>(options),
  list: listState<unknown>(options),
  map: mapState<string, unknown>(options),
  reducing: reducingState<unknown>((_, latest) => latest, options),
})
const version1 = jobOf(kinds({}))
const version2 = jobOf(kinds({ version: 2, migrations: { 1: toV2 } }))
const version3 = jobOf(
  kinds({
    codec: textCodec,
    migrations: {
      1: migration(messagePack, (old) => toV3(toV2(old as NameV1))),
      2: migration(messagePack, (old) => toV3(old as NameV2)),
    },
  }),
)

const write =
  (value: unknown): Act =>
  ({ value: one, list, map, reducing }) => {
    one.set(value)
    list.add(value)
    map.set('m', value)
    reducing.add(value)
  }
const read: Act = ({ value, list, map, reducing }) => [value.get(), [...list.get()], [...map.entries()], reducing.get()]
const everywhere = (value: unknown) => [value, [value], [['m', value]], value]

const backends: [string, (directory: string) => StateBackend][] = [
  ['memory', () => createMemoryBackend()],
  ['rocksdb', (directory) => createRocksDbBackend({ directory })],
]

for (const [name, create] of backends) {
  describe(`state of older versions over ${name}`, () => {
    async function withTask(work: (task: OneTask<Act>, newBackend: () => Promise<StateBackend>) => Promise<void>) {
      const directory = mkdtempSync(join(tmpdir(), 'millrace-migrations-'))
      const opened: StateBackend[] = []
      const newBackend = async () => {
        const backend = create(join(directory, String(opened.length)))
        opened.push(backend)
        await backend.open()
        return backend
      }
      try {
        // No cache: everything is read back.
        await work(new OneTask<Act>(version1, await newBackend(), 0), newBackend)
      } finally {
        for (const backend of opened) await backend.close()
        rmSync(directory, { recursive: true, force: true })
      }
    }
    const run = async (task: OneTask<Act>, key: string, act: Act) => {
      await task.run([{ key, value: act }], 0)
      return task.emitted.at(-1)
    }
    const keep = async (task: OneTask<Act>) => {
      task.seal()
      await task.flush()
    }

    test('is read by newer ones, each value from the version it was written with, over restarts and compactions', async () => {
      await withTask(async (task, newBackend) => {
        for (const key of ['a', 'b', 'c']) await run(task, key, write({ name: `Ada ${key}` }))
        await keep(task)

        task.restart(version2)
        assert.deepEqual(await run(task, 'a', read), everywhere({ first: 'Ada', last: 'a' }))
        await run(task, 'b', (states) => {
          states.list.clear()
          write({ first: 'Bob', last: 'b' })(states)
        })
        await keep(task)
        const changed = task.chain.at(-1)!.keys.length
        assert.equal(changed, 4, 'what is only read is not written')
        assert.deepEqual(
          task.states.map(({ codecVersion, olderVersions }) => [codecVersion, olderVersions.map(({ version }) => version)]),
          [1, 2, 3, 4].map(() => [2, [1]]),
        )

        await task.restore(await newBackend(), 0, version3)
        assert.deepEqual(await run(task, 'a', read), everywhere('a, Ada'))
        assert.deepEqual(await run(task, 'b', read), everywhere('b, Bob'))
        await run(task, 'c', (states) => states.value.set(states.value.get()))
        await keep(task)
        await task.restore(await newBackend(), 0)
        assert.deepEqual(await run(task, 'c', read), everywhere('c, Ada'))
        const versions = task.chain[0]!.keys.map((_, i) => task.chain[0]!.values[task.chain[0]!.valueStarts[i]!])
        assert.deepEqual(new Set(versions), new Set([1, 2, 3]))
      })
    })

    test('is refused by a job that cannot read it, with state, versions and remedy', async () => {
      const refused = async (state: StateDescriptors, message: RegExp) => {
        await withTask(async (task) => {
          await run(task, 'a', write({ name: 'Ada L' }))
          await keep(task)
          task.restart(version2)
          await run(task, 'a', write({ first: 'Bob', last: 'b' }))
          await keep(task)
          const all = { ...kinds({ version: 2, migrations: { 1: toV2 } }), ...state }
          assert.throws(() => task.restart(jobOf(all)), { code: 'MR_STATE_INCOMPATIBLE', message, remedy: /migration/ })
        })
      }
      await refused({ value: valueState() }, /p\/value holds values of version 2.*job is older.*knows version 1/)
      await refused({ value: valueState({ version: 2 }) }, /p\/value holds values of version 1.*no migration from version 1/)
      const migrations = { 1: (old: NameV1) => old.name, 2: toV3 }
      await refused({ value: valueState({ codec: textCodec, migrations }) }, /version 1, written by codec msgpack.*codec text/)
      await refused(
        { list: valueState({ version: 2, migrations: { 1: toV2 } }) },
        /p\/list has the kind value in the job and list/,
      )
      const map = mapState<number, unknown>({ key: numberKeys, version: 2, migrations: { 1: toV2 } })
      await refused({ map }, /p\/map has keys by codec number .* by codec string/)
      await refused({ reducing: aggregatingState({ n: count() }) }, /p\/reducing has the kind aggregating/)
    })
  })
}

test('a state is declared with versions and times to live that can be, or refused', () => {
  const refused = (declare: () => unknown) => assert.throws(declare, { code: 'MR_JOB_INVALID_STATE' })
  for (const version of [0, 256, 1.5]) refused(() => valueState({ version }))
  refused(() => valueState({ migrations: { 1: (old: number) => old } }))
  refused(() => valueState({ version: 2, migrations: { 2: (old: number) => old } }))
  for (const ttl of ['soon', 0, -1]) refused(() => listState({ ttl }))
  refused(() => mapState<string, number>({ ttl: { after: '1h', refresh: 'never' as never } }))
  valueState<NameV2>({ version: 2, migrations: { 1: toV2 }, ttl: { after: '90d', refresh: 'read-and-write' } })
  // @ts-expect-error a migration gives what the state holds
  valueState<NameV2>({ version: 2, migrations: { 1: (old: NameV1) => old.name } })
})
