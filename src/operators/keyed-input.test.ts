import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { systemClock } from '../common/clock.ts'
import type { SourceBatch } from '../ports/source.ts'
import { createMemoryBackend } from '../state/backends.ts'
import { messagePack } from '../state/codecs.ts'
import { WorkerState } from '../state/worker-state.ts'
import { KeyedInput } from './keyed-input.ts'
import { RecordContext } from './record-context.ts'

const keyCodec = { name: 'string', encode: String, decode: (binary: string) => binary }

async function open(isComplete: boolean, states: number) {
  const backend = createMemoryBackend()
  await backend.open()
  const task = new WorkerState(backend, systemClock, 1e9).openTask('s/0')
  const context = new RecordContext()
  const input = new KeyedInput(context, task)
  const seen: unknown[] = []
  const entries = Array.from({ length: states }, (_, stateId) =>
    input.use(task.declare({ stateId, codec: messagePack, keyCodec, isComplete })),
  )
  input.connect((value) => {
    const { key, timestamp, at, index } = context
    seen.push({ value, key, timestamp, at, entries: entries.map((of) => of[index]!.key) })
  })
  return { context, input, seen }
}

function batchOf(keys: readonly (string | null)[]): SourceBatch<unknown> {
  const keyBytes = Buffer.from(keys.join(''))
  let end = 0
  const keyEnds = keys.map((key) => (end += key?.length ?? 0))
  return {
    partition: 0,
    count: keys.length,
    values: keys.map((_, i) => ({ i })),
    timestamps: keys.map((_, i) => 1000 + i),
    keyBytes,
    keyStarts: keys.map((key, i) => (key === null ? -1 : keyEnds[i]! - key.length)),
    keyEnds,
    nextPosition: keys.length,
    positionOf: (i) => i,
  }
}

describe('a keyed input', () => {
  test('processes a whole batch as it does records pushed one by one, from the heap and from the backend', async () => {
    for (const isComplete of [true, false]) {
      for (const states of [1, 2]) {
        const whole = await open(isComplete, states)
        const single = await open(isComplete, states)
        for (const keys of [['a', 'b', 'a', ''], ['b'], [], ['c', 'a', 'long key '.repeat(20)]]) {
          const batch = batchOf(keys)
          await whole.input.runBatch(batch, 0)
          for (const [i, key] of keys.entries()) {
            Object.assign(single.context, { key, timestamp: batch.timestamps[i], at: i })
            single.input.push(batch.values[i])
          }
          await single.input.run(0)
        }
        assert.equal(whole.seen.length, 8)
        assert.deepEqual(whole.seen, single.seen)
      }
    }
  })

  test('refuses a batch with a record without a key, and says which', async () => {
    const { context, input, seen } = await open(true, 1)
    assert.throws(() => input.runBatch(batchOf(['a', null, 'b']), 0), { code: 'MR_RECORD_WITHOUT_KEY' })
    assert.equal(context.at, 1)
    assert.deepEqual(seen, [])
  })
})
