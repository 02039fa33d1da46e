import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { aggregator, avg, count, max, min, sum } from '../api/aggregates.ts'
import { ByteWriter } from '../common/byte-writer.ts'
import { systemClock } from '../common/clock.ts'
import type { AggregateSpec } from '../graph/job-graph.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import { createMemoryBackend } from '../state/backends.ts'
import { ObjectCache } from '../state/object-cache.ts'
import { TaskState } from '../state/task-state.ts'
import { type Accumulator, aggregateAnything, aggregateNumbers, planAccumulator } from './aggregate.ts'
import { RecordContext } from './record-context.ts'

function run(aggregates: Record<string, unknown>, values: readonly unknown[]): unknown[] {
  const plan = planAccumulator(new Map(Object.entries(aggregates as Record<string, AggregateSpec>)))
  const rows: unknown[] = []
  const next = (row: unknown) => rows.push(row)
  const state = new TaskState('s/0', createMemoryBackend(systemClock), new ObjectCache(1e9))
  const keyCodec = { name: 'string', encode: String, decode: (binary: string) => binary }
  const context = new RecordContext()
  const options = { stateId: 1, keyCodec, isComplete: true }
  if (plan.own.length === 0) {
    const codec = plan.codec as ValueCodec<number[]>
    const table = state.declareAccumulators({ ...options, codec }, plan.initial.length)
    const entries = [table.find('k')!]
    const push = aggregateNumbers({ plan, context, table, entries, next })
    for (const value of values) push(value)
  } else {
    const table = state.declare<unknown>({ ...options, codec: plan.codec as ValueCodec<unknown> })
    const entries = [table.find('k')!]
    const push = aggregateAnything(plan, context, table, entries, next)
    for (const value of values) {
      push(value)
      // As over a restart: what is decoded goes on as what was encoded.
      const out = new ByteWriter()
      plan.codec.encode(entries[0]!.value as Accumulator, out)
      entries[0]!.value = plan.codec.decode(Buffer.from(out.written()), 0, out.position)
    }
  }
  return rows
}

const amount = (value: { amount: number }) => value.amount

describe('aggregates', () => {
  test('count, sum, min, max and avg of each key, emitted after each record', () => {
    const rows = run({ n: count(), total: sum(amount), least: min(amount), most: max(amount), mean: avg(amount) }, [
      { amount: 4 },
      { amount: 2 },
    ])
    assert.deepEqual(rows, [
      { key: 'k', n: 1, total: 4, least: 4, most: 4, mean: 4 },
      { key: 'k', n: 2, total: 6, least: 2, most: 4, mean: 3 },
    ])
  })

  test('where Node.js may compile no code from text, they give the same', () => {
    const forbidding = '--disallow-code-generation-from-strings'
    if (process.execArgv.includes(forbidding)) return
    const { status, stdout } = spawnSync(process.execPath, [forbidding, import.meta.filename], { encoding: 'utf8' })
    assert.equal(status, 0, stdout)
  })

  test('fields may have any name', () => {
    const fields = { key: count(), 'it\'s "n\\': count(), '\u2028': count(), constructor: count() }
    assert.deepEqual(run(fields, [{}]), [{ key: 1, 'it\'s "n\\': 1, '\u2028': 1, constructor: 1 }])
  })

  test('own aggregates beside built-in ones', () => {
    const longest = aggregator({
      create: () => '',
      add: (best: string, value: string) => (value.length > best.length ? value : best),
      result: (best) => best,
    })
    assert.deepEqual(run({ n: count(), longest }, ['ab', 'c']), [
      { key: 'k', n: 1, longest: 'ab' },
      { key: 'k', n: 2, longest: 'ab' },
    ])
  })

  test('what is not a number is refused instead of making the sum NaN for ever', () => {
    for (const wrong of [undefined, null, '5', Number.NaN]) {
      assert.throws(() => run({ total: sum(() => wrong as number) }, [{}]), { code: 'MR_AGGREGATE_NOT_A_NUMBER' })
    }
  })

  test('the kinds of aggregates stand in the codec name, so that other ones refuse old state', () => {
    const name = (aggregates: Record<string, unknown>) =>
      planAccumulator(new Map(Object.entries(aggregates)) as never).codec.name
    assert.notEqual(name({ a: count() }), name({ a: sum(amount) }))
    assert.notEqual(name({ a: sum(amount), b: sum(amount) }), name({ a: sum(amount), c: sum(amount) }))
    assert.equal(name({ a: count(), b: sum(amount) }), name({ b: sum(amount), a: count() }))
  })

  test('fields may be written in another order without swapping what is stored', () => {
    const plan = (aggregates: Record<string, unknown>) => planAccumulator(new Map(Object.entries(aggregates)) as never)
    const places = ({ numeric }: ReturnType<typeof plan>) => Object.fromEntries(numeric.map(({ field, at }) => [field, at]))
    assert.deepEqual(places(plan({ x: avg(amount), y: sum(amount) })), places(plan({ y: sum(amount), x: avg(amount) })))
  })
})
