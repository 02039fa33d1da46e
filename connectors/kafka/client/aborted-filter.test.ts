import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AbortedFilter } from './aborted-filter.ts'
import type { AbortedTransaction } from './requests/fetch-request.ts'

/** One batch of a log: data of a producer, in a transaction or not, or the marker that ends its transaction. */
interface Step {
  readonly producer: number
  readonly kind: 'data' | 'plain' | 'commit' | 'abort'
  readonly records: number
}

interface LoggedBatch extends Step {
  readonly first: number
  readonly last: number
  /** Undefined: not ended at the end of the log. */
  outcome: 'commit' | 'abort' | undefined
}

/** The log as a broker would keep it, with the aborted transactions of its index: producer, first offset, marker. */
function writeLog(steps: readonly Step[]) {
  const log: LoggedBatch[] = []
  const aborted: Array<AbortedTransaction & { marker: number }> = []
  const open = new Map<number, LoggedBatch[]>()
  let offset = 0
  for (const step of steps) {
    const records = step.kind === 'commit' || step.kind === 'abort' ? 1 : step.records
    const batch: LoggedBatch = { ...step, first: offset, last: offset + records - 1, outcome: undefined }
    if (step.kind === 'data') open.set(step.producer, [...(open.get(step.producer) ?? []), batch])
    if (step.kind === 'commit' || step.kind === 'abort') {
      const ended = open.get(step.producer)
      if (ended === undefined) continue
      open.delete(step.producer)
      for (const data of ended) data.outcome = step.kind
      if (step.kind === 'abort') {
        aborted.push({ producerId: step.producer, firstOffset: (ended[0] as LoggedBatch).first, marker: batch.first })
      }
    }
    log.push(batch)
    offset += records
  }
  const stillOpen = [...open.values()].map((batches) => (batches[0] as LoggedBatch).first)
  return { log, aborted, lastStableOffset: Math.min(offset, ...stillOpen) }
}

const steps = fc.array(
  fc.record({
    producer: fc.integer({ min: 1, max: 4 }),
    kind: fc.constantFrom('data' as const, 'data' as const, 'plain' as const, 'commit' as const, 'abort' as const),
    records: fc.integer({ min: 1, max: 5 }),
  }),
  { minLength: 10, maxLength: 60, size: 'max' },
)

test('of any log, read from any offset, exactly the committed records pass', () => {
  fc.assert(
    fc.property(steps, fc.nat(), fc.boolean(), (written, start, shuffled) => {
      const { log, aborted, lastStableOffset } = writeLog(written)
      const from = lastStableOffset === 0 ? 0 : start % lastStableOffset
      // What a broker lists: the transactions that overlap what is returned.
      const listed = aborted.filter(({ firstOffset, marker }) => marker >= from && firstOffset < lastStableOffset)
      const filter = new AbortedFilter(shuffled ? listed.toReversed() : listed)
      for (const batch of log) {
        if (batch.last < from || batch.first >= lastStableOffset) continue
        if (batch.kind === 'commit' || batch.kind === 'abort') {
          filter.onMarker(batch.producer, batch.kind, batch.last)
          continue
        }
        const isAborted = filter.isAborted(batch.producer, batch.kind === 'data', batch.last)
        assert.equal(isAborted, batch.kind === 'data' && batch.outcome === 'abort', JSON.stringify({ batch, listed, from }))
      }
    }),
    { numRuns: 500 },
  )
})

test('a producer that commits between two aborted transactions keeps what it committed', () => {
  const filter = new AbortedFilter([
    { producerId: 7, firstOffset: 0 },
    { producerId: 7, firstOffset: 20 },
  ])
  assert.equal(filter.isAborted(7, true, 4), true)
  filter.onMarker(7, 'abort', 5)
  assert.equal(filter.isAborted(7, true, 10), false)
  filter.onMarker(7, 'commit', 11)
  assert.equal(filter.isAborted(7, true, 22), true)
  filter.onMarker(7, 'abort', 23)
  assert.equal(filter.isAborted(7, true, 30), false)
})

test('records outside of transactions pass while a transaction of their producer is aborted', () => {
  const filter = new AbortedFilter([{ producerId: 7, firstOffset: 0 }])
  assert.equal(filter.isAborted(7, false, 4), false)
  assert.equal(filter.isAborted(7, true, 5), true)
})
