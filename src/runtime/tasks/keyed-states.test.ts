/** All kinds of state against a plain model: whatever is done, evicted, cut, flushed, lost, restored, and as time passes. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { aggregator, count, sum } from '../../api/aggregates.ts'
import { defineJob } from '../../api/define-job.ts'
import { numberKeys } from '../../api/number-keys.ts'
import { aggregatingState, listState, mapState, reducingState, valueState } from '../../api/state.ts'
import type { TtlOption } from '../../api/state-options.ts'
import type { StateBackend } from '../../ports/state-backend.ts'
import { createMemoryBackend, createRocksDbBackend } from '../../state/backends.ts'
import { MemorySource } from '../../testing/memory-source.ts'
import { OneTask } from './keyed-states.fixture.ts'

type Name = 'value' | 'list' | 'total' | 'stats'
type MapName = 'small' | 'large'

type Op =
  | { readonly on: Name; readonly do: 'add'; readonly n: number }
  | { readonly on: Name | 'small'; readonly do: 'clear' }
  | { readonly on: MapName; readonly do: 'set'; readonly at: number; readonly n: number }
  | { readonly on: MapName; readonly do: 'delete'; readonly at: number }
  | { readonly on: Name | MapName; readonly do: 'read' }
  | { readonly on: 'large'; readonly do: 'load'; readonly at: number }
  | { readonly on: MapName; readonly do: 'scan' }

interface Work {
  readonly ops: readonly Op[]
  /** Of the large map: what is fetched ahead. */
  readonly named: readonly number[]
  readonly isAsync: boolean
}

type Command =
  | { readonly kind: 'batch'; readonly records: readonly { readonly key: string; readonly value: Work }[] }
  | { readonly kind: 'time'; readonly byMs: number }
  | { readonly kind: 'cut' }
  | { readonly kind: 'flush' }
  | { readonly kind: 'restart' }
  | { readonly kind: 'restore' }

interface Ttls {
  readonly [N: string]: TtlOption | undefined
}

const MAP_KEYS = [-1.5, 0, 1, 2, 300]

/** What a state holds, by key and, in a map, map key. */
interface Modelled {
  readonly value: unknown
  readonly expiresAtMs: number
}

class Model {
  values = new Map<string, Modelled>()
  nowMs = 0
  private readonly ttls: Ttls

  constructor(ttls: Ttls) {
    this.ttls = ttls
  }

  peek(state: string, place: string): unknown {
    const found = this.values.get(`${state}|${place}`)
    return found === undefined || found.expiresAtMs <= this.nowMs ? undefined : found.value
  }

  get(state: string, place: string): unknown {
    const value = this.peek(state, place)
    const ttl = this.ttls[state]
    if (value !== undefined && typeof ttl === 'object' && ttl.refresh === 'read-and-write') this.set(state, place, value)
    return value
  }

  set(state: string, place: string, value: unknown): void {
    const ttl = this.ttls[state]
    const afterMs = ttl === undefined ? Number.POSITIVE_INFINITY : Number(typeof ttl === 'object' ? ttl.after : ttl)
    if (value === undefined) this.values.delete(`${state}|${place}`)
    else this.values.set(`${state}|${place}`, { value, expiresAtMs: this.nowMs + afterMs })
  }
}

/** Ascending by map key. */
function entriesOf(key: string, look: (place: string) => unknown): [number, unknown][] {
  return MAP_KEYS.map((at): [number, unknown] => [at, look(`${key}|${at}`)]).filter(([, value]) => value !== undefined)
}

const joined = aggregator({
  create: () => '',
  add: (text: string, n: number) => `${text}${n},`,
  result: (text) => text,
})

function jobOf(ttls: Ttls, current: { model: Model }, mode: 'numbers' | 'own') {
  const with_ = (name: string) => (ttls[name] === undefined ? {} : { ttl: ttls[name] })
  const aggregates = { n: count<number>(), sum: sum((n: number) => n) }
  return defineJob('states', (builder) => {
    builder
      .source('in', new MemorySource<Work>([[]]))
      .keyByRecordKey()
      .process('p', {
        state: {
          value: valueState<number>(with_('value')),
          list: listState<number>(with_('list')),
          total: reducingState<number>((a, b) => a + b, with_('total')),
          stats: aggregatingState(mode === 'own' ? { ...aggregates, joined } : aggregates, with_('stats')),
          small: mapState<number, number>({ key: numberKeys, ...with_('small') }),
          large: mapState<number, number>({ key: numberKeys, ...with_('large') }),
        },
        reads: { large: ({ named }) => named },
        onRecord({ ops, named, isAsync }, { key, state }) {
          const { model } = current
          const readable = new Set(named)
          const act = (op: Op): Promise<void> | undefined => {
            switch (op.do) {
              case 'add':
                if (op.on === 'value') {
                  state.value.set(op.n)
                  model.set('value', key, op.n)
                } else if (op.on === 'list') {
                  state.list.add(op.n)
                  model.set('list', key, [...((model.peek('list', key) as number[]) ?? []), op.n])
                } else if (op.on === 'total') {
                  state.total.add(op.n)
                  model.set('total', key, ((model.peek('total', key) as number) ?? 0) + op.n)
                } else {
                  state.stats.add(op.n)
                  model.set('stats', key, [...((model.peek('stats', key) as number[]) ?? []), op.n])
                }
                return
              case 'clear':
                state[op.on].clear()
                if (op.on === 'small') for (const at of MAP_KEYS) model.set('small', `${key}|${at}`, undefined)
                else model.set(op.on, key, undefined)
                return
              case 'set':
                state[op.on].set(op.at, op.n)
                if (op.on === 'large') readable.add(op.at)
                model.set(op.on, `${key}|${op.at}`, op.n)
                return
              case 'delete':
                state[op.on].delete(op.at)
                if (op.on === 'large') readable.add(op.at)
                model.set(op.on, `${key}|${op.at}`, undefined)
                return
              case 'load':
                if (!isAsync) return
                return state.large.load(op.at).then((found) => {
                  readable.add(op.at)
                  assert.equal(found, model.get('large', `${key}|${op.at}`))
                })
              case 'scan':
                if (!isAsync) return
                return Array.fromAsync(state[op.on].scan()).then((found) => {
                  assert.deepEqual(
                    found,
                    entriesOf(key, (place) => model.peek(op.on, place)),
                  )
                })
              case 'read':
                read(op.on)
                return
            }
          }
          const read = (on: Name | MapName) => {
            switch (on) {
              case 'value':
                return assert.equal(state.value.get(), model.get('value', key))
              case 'list':
                return assert.deepEqual(state.list.get(), model.get('list', key) ?? [])
              case 'total':
                return assert.equal(state.total.get(), model.get('total', key))
              case 'stats': {
                const all = model.get('stats', key) as number[] | undefined
                const results = all && { n: all.length, sum: all.reduce((a, b) => a + b) }
                const own = all && mode === 'own' ? { joined: all.map((n) => `${n},`).join('') } : {}
                return assert.deepEqual(state.stats.get(), results && { ...results, ...own })
              }
              case 'small': {
                const expected = entriesOf(key, (place) => model.get('small', place))
                assert.deepEqual([...state.small.entries()], expected)
                assert.equal(state.small.has(300), expected.at(-1)?.[0] === 300)
                model.get('small', `${key}|300`)
                return
              }
              case 'large':
                for (const at of MAP_KEYS) {
                  if (readable.has(at)) assert.equal(state.large.get(at), model.get('large', `${key}|${at}`))
                  else assert.throws(() => state.large.get(at), { code: 'MR_STATE_NOT_FETCHED' })
                }
            }
          }
          if (!isAsync) {
            for (const op of ops) act(op)
            return undefined
          }
          return (async () => {
            for (const op of ops) await act(op)
            return undefined
          })()
        },
      })
      .sink('out', { description: '', delivery: 'at-least-once', open: () => Promise.reject(new Error('not opened')) })
  })
}

const n = fc.integer({ min: -3, max: 3 })
const at = fc.constantFrom(...MAP_KEYS)
const name = fc.constantFrom<Name>('value', 'list', 'total', 'stats')
const mapName = fc.constantFrom<MapName>('small', 'large')
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ on: name, do: fc.constant('add' as const), n }) },
  { weight: 4, arbitrary: fc.record({ on: mapName, do: fc.constant('set' as const), at, n }) },
  fc.record({ on: fc.oneof(name, fc.constant('small' as const)), do: fc.constant('clear' as const) }),
  fc.record({ on: mapName, do: fc.constant('delete' as const), at }),
  { weight: 4, arbitrary: fc.record({ on: fc.oneof(name, mapName), do: fc.constant('read' as const) }) },
  fc.record({ on: fc.constant('large' as const), do: fc.constant('load' as const), at }),
  fc.record({ on: mapName, do: fc.constant('scan' as const) }),
)
const work: fc.Arbitrary<Work> = fc.record({
  ops: fc.array(op, { maxLength: 6 }),
  named: fc.uniqueArray(at, { maxLength: 3 }),
  isAsync: fc.boolean(),
})
const record = fc.record({ key: fc.constantFrom('a', 'a\0', 'b', ''), value: work })
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('batch' as const), records: fc.array(record, { minLength: 1, maxLength: 5 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), byMs: fc.integer({ min: -60, max: 80 }) }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'cut' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'flush' as const }) },
  fc.constant({ kind: 'restart' as const }),
  fc.constant({ kind: 'restore' as const }),
)
const ttl = fc.option(fc.constantFrom<TtlOption>(100, { after: 100, refresh: 'read-and-write' }), { nil: undefined })
const ttls: fc.Arbitrary<Ttls> = fc.record({ value: ttl, list: ttl, total: ttl, stats: ttl, small: ttl, large: ttl })

async function holds(
  newBackend: () => Promise<StateBackend>,
  settings: { readonly ttls: Ttls; readonly cacheBytes: number; readonly mode: 'numbers' | 'own' },
  commands: readonly Command[],
): Promise<void> {
  const backends: StateBackend[] = []
  const next = async () => {
    const backend = await newBackend()
    backends.push(backend)
    return backend
  }
  const current = { model: new Model(settings.ttls) }
  const task = new OneTask<Work>(jobOf(settings.ttls, current, settings.mode), await next(), settings.cacheBytes)
  let clockMs = 1_000
  let leastMs = 0
  let sealed: Model['values'] | undefined
  let flushed: Model['values'] = new Map()
  const goBack = () => {
    // A clock that starts behind may show again what had expired: not part of the promise.
    leastMs = current.model.nowMs
    clockMs = Math.max(clockMs, leastMs)
    current.model.values = new Map(flushed)
    sealed = undefined
  }
  for (const one of commands) {
    switch (one.kind) {
      case 'batch':
        current.model.nowMs = Math.max(current.model.nowMs, clockMs)
        await task.run(one.records, clockMs)
        break
      case 'time':
        clockMs = Math.max(leastMs, clockMs + one.byMs)
        break
      case 'cut':
        task.seal()
        sealed = new Map(current.model.values)
        break
      case 'flush':
        await task.flush()
        flushed = sealed ?? flushed
        break
      case 'restart':
        task.restart()
        goBack()
        break
      case 'restore':
        await task.restore(await next(), current.model.nowMs)
        goBack()
        break
    }
  }
  task.state.close()
  // Averages of sizes are fractions.
  assert.ok(Math.abs(task.state.cache.usedBytes) < 1e-3)
  for (const backend of backends) await backend.close()
}

const settings = fc.record({
  ttls,
  cacheBytes: fc.constantFrom(0, 2_000, 1e9),
  mode: fc.constantFrom('numbers' as const, 'own' as const),
})
const commands = fc.array(command, { maxLength: 40, size: '+2' })

describe('the states of process agree with a model', () => {
  test('over the memory backend', async () => {
    const newBackend = async () => {
      const backend = createMemoryBackend()
      await backend.open()
      return backend
    }
    await fc.assert(
      fc.asyncProperty(settings, commands, (given, all) => holds(newBackend, given, all)),
      { numRuns: Number(process.env.MILLRACE_RUNS ?? 300) },
    )
  })

  test('over RocksDB', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-states-'))
    let number = 0
    const newBackend = async () => {
      const backend = createRocksDbBackend({ directory: join(directory, String(number++)) })
      await backend.open()
      return backend
    }
    try {
      await fc.assert(
        fc.asyncProperty(settings, commands, (given, all) => holds(newBackend, given, all)),
        { numRuns: 30 },
      )
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
