import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { decideSettlement, type KnownOutcome } from './settlement.ts'

const ids = (...names: string[]) => names.map((id) => ({ id }))
const place = (done: string, rest: string | null = null) => ({
  done: { id: done },
  rest: rest === null ? null : { id: rest },
})

/** The next step, as text: `salvage t1`. */
function next(
  listed: string[],
  salvaged: Record<string, ReturnType<typeof place>> = {},
  known: Record<string, KnownOutcome> = {},
): string {
  const step = decideSettlement(ids(...listed), new Map(Object.entries(salvaged)), new Map(Object.entries(known)))
  if (step.kind === 'done') return 'done'
  return `${step.kind} ${step.kind === 'salvage' ? step.lost.id : step.committable.id}`
}

describe('what is to be settled next', () => {
  test('nothing is lost: committed oldest first, one after another', () => {
    assert.equal(next([]), 'done')
    assert.equal(next(['a', 'b']), 'commit a')
    assert.equal(next(['a', 'b'], {}, { a: 'committed' }), 'commit b')
    assert.equal(next(['a', 'b'], {}, { a: 'committed', b: 'committed' }), 'done')
  })

  test('all behind a lost one are aborted before it is salvaged', () => {
    assert.equal(next(['a', 'b', 'c'], {}, { a: 'lost' }), 'abort b')
    assert.equal(next(['a', 'b', 'c'], {}, { a: 'lost', b: 'lost' }), 'abort c')
    assert.equal(next(['a', 'b', 'c'], {}, { a: 'lost', b: 'lost', c: 'lost' }), 'salvage a')
  })

  test('what comes before a lost one stays committed', () => {
    assert.equal(next(['a', 'b', 'c'], {}, { a: 'committed', b: 'lost' }), 'abort c')
    assert.equal(next(['a', 'b', 'c'], {}, { a: 'committed', b: 'lost', c: 'lost' }), 'salvage b')
  })

  test('a part is committed before the rest is salvaged, the rest without being asked about', () => {
    const salvaged = { a: place('a1', 'a~') }
    assert.equal(next(['a'], salvaged), 'commit a1')
    assert.equal(next(['a'], salvaged, { a1: 'committed' }), 'salvage a~')
    assert.equal(next(['a'], { ...salvaged, 'a~': place('a2') }), 'commit a2')
    assert.equal(next(['a'], { ...salvaged, 'a~': place('a2') }, { a2: 'committed' }), 'done')
  })

  test('a salvage that is lost itself is salvaged in its place', () => {
    const salvaged = { a: place('a1', 'a~') }
    assert.equal(next(['a', 'b'], salvaged, { a1: 'lost', b: 'lost' }), 'salvage a1')
    assert.equal(next(['a', 'b'], { ...salvaged, a1: place('a1x') }, { b: 'lost' }), 'commit a1x')
    assert.equal(next(['a', 'b'], { ...salvaged, a1: place('a1x') }, { a1x: 'committed', b: 'lost' }), 'salvage a~')
  })

  test('a later recovery commits nothing behind a salvaged one, and asks about nothing before it', () => {
    const salvaged = { b: place('b1') }
    assert.equal(next(['a', 'b', 'c'], salvaged), 'commit b1')
    assert.equal(next(['a', 'b', 'c'], salvaged, { b1: 'committed' }), 'abort c')
    assert.equal(next(['a', 'b', 'c'], salvaged, { b1: 'committed', c: 'lost' }), 'salvage c')
    assert.equal(next(['a', 'b', 'c'], { ...salvaged, c: place('c1') }), 'commit c1')
  })
})

interface Transaction {
  state: 'open' | 'committed' | 'aborted'
  records: number[]
}

/** One worker's transactions and one partition, as far as settlement has to do with them. */
class Model {
  readonly transactions = new Map<string, Transaction>()
  /** Behind one another, as they were written. */
  readonly partition: { readonly id: string; readonly record: number }[] = []
  readonly salvaged = new Map<string, ReturnType<typeof place>>()
  private made = 0

  write(id: string, records: number[]): void {
    this.transactions.set(id, { state: 'open', records })
    this.partition.push(...records.map((record) => ({ id, record })))
  }

  get(id: string): Transaction {
    const found = this.transactions.get(id)
    assert.ok(found, id)
    return found
  }

  abort(id: string): void {
    const transaction = this.get(id)
    if (transaction.state === 'open') transaction.state = 'aborted'
  }

  /** The first record of the lost one; a second phase may follow or not. */
  salvage(lost: string): ReturnType<typeof place> {
    const { records, state } = this.get(lost)
    assert.equal(state, 'aborted', 'only what was aborted is salvaged')
    const name = `s${this.made++}`
    this.write(name, records.slice(0, 1))
    if (records.length === 1) return place(name)
    this.transactions.set(`${name}~`, { state: 'aborted', records: records.slice(1) })
    return place(name, `${name}~`)
  }

  visible(): number[] {
    return this.partition.filter(({ id }) => this.get(id).state === 'committed').map(({ record }) => record)
  }
}

/** Settles until `chance` says that the process dies, before, between and behind the phases of a step. */
function recover(model: Model, listed: readonly string[], dies: () => boolean, expires: () => boolean): 'done' | 'died' {
  const known = new Map<string, KnownOutcome>()
  for (;;) {
    for (const id of model.transactions.keys()) if (expires()) model.abort(id)
    if (dies()) return 'died'
    const step = decideSettlement(ids(...listed), model.salvaged, known)
    switch (step.kind) {
      case 'done':
        return 'done'
      case 'commit': {
        const transaction = model.get(step.committable.id)
        if (transaction.state === 'open') transaction.state = 'committed'
        if (dies()) return 'died'
        known.set(step.committable.id, transaction.state === 'committed' ? 'committed' : 'lost')
        break
      }
      case 'abort':
        model.abort(step.committable.id)
        assert.equal(model.get(step.committable.id).state, 'aborted', 'nothing committed stands behind a lost one')
        known.set(step.committable.id, 'lost')
        break
      case 'salvage': {
        const inPlace = model.salvage(step.lost.id)
        if (dies()) return 'died'
        model.salvaged.set(step.lost.id, inPlace)
        break
      }
    }
  }
}

test('whatever expires and whenever recovery dies, each record is visible once and in order', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
  const chances = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 400 })
  fc.assert(
    fc.property(sizes, chances, fc.nat(4), (transactions, chance, committedBefore) => {
      const model = new Model()
      let record = 0
      const listed = transactions.map((size, i) => {
        model.write(
          `t${i}`,
          Array.from({ length: size }, () => record++),
        )
        return `t${i}`
      })
      // The worker may have committed the oldest before it died.
      for (const id of listed.slice(0, committedBefore)) model.get(id).state = 'committed'
      let at = 0
      const below = (bound: number) => () => (chance[at++] ?? 1) < bound
      while (recover(model, listed, below(0.1), below(0.1)) === 'died');
      assert.deepEqual(
        model.visible(),
        Array.from({ length: record }, (_, i) => i),
      )
    }),
    { numRuns: 2_000 },
  )
})
