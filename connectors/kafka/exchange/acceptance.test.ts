import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMillraceError } from '../../../src/common/errors.ts'
import type { EndedChannel } from '../../../src/ports/exchange.ts'
import { Acceptance, sequenceBehind } from './acceptance.ts'

const RUNNING = new Set([7, 8])

function open(ended: readonly EndedChannel[] = [], position = 0, producers: ReadonlySet<number> = RUNNING): Acceptance {
  return new Acceptance('app.exchange.x', 3, position, ended, producers)
}

test('everything of the running epoch from sequence 0 on is accepted, of others nothing', () => {
  const acceptance = open()
  assert.equal(acceptance.judge(7, 0, 0), 'accepted')
  assert.equal(acceptance.judge(5, 0, 1), 'foreign')
  assert.equal(acceptance.judge(-1, -1, 2), 'foreign', 'written without a producer id')
  assert.equal(acceptance.judge(8, 0, 3), 'accepted')
  assert.equal(acceptance.judge(7, 1, 4), 'accepted')
  assert.deepEqual(acceptance.states(), [
    { producerId: 7, nextSequence: 2 },
    { producerId: 8, nextSequence: 1 },
  ])
})

test('of an ended channel only what lies below its end is accepted, from where it was read to', () => {
  const acceptance = open([{ producerId: 3, nextSequence: 40, endOffset: 12 }], 10)
  assert.deepEqual(acceptance.states(), [
    { producerId: 3, nextSequence: 40 },
    { producerId: 7, nextSequence: 0 },
    { producerId: 8, nextSequence: 0 },
  ])
  assert.equal(acceptance.judge(3, 40, 10), 'accepted')
  assert.equal(acceptance.judge(3, 41, 11), 'accepted')
  assert.equal(acceptance.judge(3, 42, 12), 'foreign')
  assert.equal(acceptance.judge(3, 43, 13), 'foreign')
  assert.deepEqual(
    acceptance.states().map(({ producerId }) => producerId),
    [7, 8],
  )
})

test('an ended channel that was read to its end before is forgotten', () => {
  const acceptance = open([{ producerId: 3, nextSequence: 40, endOffset: 10 }], 10)
  assert.equal(acceptance.judge(3, 40, 10), 'foreign')
  assert.equal(acceptance.states().length, 2)
})

test('a repeat is skipped, a gap names its place', () => {
  const acceptance = open()
  for (let sequence = 0; sequence < 5; sequence++) acceptance.judge(7, sequence, sequence)
  assert.equal(acceptance.judge(7, 3, 5), 'repeated')
  assert.equal(acceptance.judge(7, 4, 6), 'repeated')
  assert.equal(acceptance.judge(7, 5, 7), 'accepted')
  assert.throws(
    () => acceptance.judge(7, 7, 8),
    (error) => {
      assert.ok(isMillraceError(error, 'MR_EXCHANGE_GAP'))
      assert.deepEqual(error.details, {
        topic: 'app.exchange.x',
        partition: 3,
        offset: 8,
        producerId: 7,
        expectedSequence: 6,
        foundSequence: 7,
      })
      return true
    },
  )
})

test('a channel that does not begin at 0 has a gap: a broker takes any first sequence of a producer it does not know', () => {
  assert.throws(() => open().judge(7, 1, 0), gap)
})

test('sequences begin anew at 0 behind the highest', () => {
  const highest = 2 ** 31 - 1
  assert.equal(sequenceBehind(highest, 1), 0)
  assert.equal(sequenceBehind(highest - 1, 4), 2)
  const acceptance = open([{ producerId: 3, nextSequence: highest - 1, endOffset: 1_000 }])
  assert.equal(acceptance.judge(3, highest - 1, 0), 'accepted')
  assert.equal(acceptance.judge(3, highest, 1), 'accepted')
  assert.equal(acceptance.judge(3, 0, 2), 'accepted')
  assert.equal(acceptance.judge(3, highest, 3), 'repeated')
  assert.equal(acceptance.judge(3, 1, 4), 'accepted')
  assert.throws(() => acceptance.judge(3, 3, 5), gap)
})

test('the barrier that ends a channel must have been there when its end is passed', () => {
  const ended = [
    { producerId: 3, nextSequence: 0, endOffset: 4 },
    { producerId: 4, nextSequence: 0, endOffset: 2 },
  ]
  const whole = open(ended)
  whole.judge(3, 0, 0)
  whole.judge(4, 0, 1)
  whole.judge(3, 1, 2)
  whole.passTo(3)
  whole.judge(3, 2, 3)
  whole.passTo(100)
  assert.equal(whole.states().length, 2)

  const cut = open(ended)
  cut.judge(4, 0, 1)
  cut.judge(3, 0, 2)
  // The log lost its end, and another producer has written there since.
  cut.judge(7, 0, 3)
  assert.throws(
    () => cut.judge(7, 1, 4),
    (error) => gap(error) && isMillraceError(error) && error.details.offset === 3 && error.details.foundSequence === null,
  )
  assert.throws(() => open(ended).passTo(2), gap)
})

test('a repeat at the end of a channel is its barrier all the same', () => {
  const acceptance = open([{ producerId: 3, nextSequence: 1, endOffset: 2 }])
  assert.equal(acceptance.judge(3, 1, 0), 'accepted')
  assert.equal(acceptance.judge(3, 1, 1), 'repeated')
  acceptance.passTo(2)
})

test('a producer of the running epoch cannot be one of before', () => {
  assert.throws(() => open([{ producerId: 7, nextSequence: 0, endOffset: 9 }]), /invariant broken/)
})

/**
 * Any interleaving of channels with repeats: what is accepted is each part of the job once and in order, wherever reading
 * is broken off and gone on with from the states of then.
 */
test('reading that is broken off and goes on elsewhere accepts each frame once, in order', () => {
  const log = fc.array(fc.record({ producer: fc.integer({ min: 0, max: 3 }), repeats: fc.boolean() }), { maxLength: 60 })
  fc.assert(
    fc.property(log, fc.nat(60), fc.integer({ min: 2 ** 31 - 20, max: 2 ** 31 - 1 }), (entries, cut, first) => {
      // Producer 0 is foreign; 1 ended; 2 and 3 run. The ended one begins near the highest sequence.
      const next = [0, first, 0, 0]
      const frames = entries.map(({ producer, repeats }, offset) => {
        const isRepeat = repeats && entries.slice(0, offset).some((entry) => entry.producer === producer)
        const sequence = isRepeat ? sequenceBehind(next[producer]!, 2 ** 31 - 1) : next[producer]!
        if (!isRepeat) next[producer] = sequenceBehind(sequence, 1)
        return { producer, sequence, offset }
      })
      const endOffset = 1 + frames.findLastIndex(({ producer }) => producer === 1)
      const at = Math.min(cut, frames.length)
      const before = new Acceptance('t', 0, 0, [{ producerId: 1, nextSequence: first, endOffset }], new Set([2, 3]))
      const accepted = frames.slice(0, at).filter((frame) => judged(before, frame) === 'accepted')
      before.passTo(at)
      // The next epoch: all channels so far are ended, at the last frame of each, and nobody writes any more.
      const ended = before.states().map((state) => ({
        ...state,
        endOffset: 1 + frames.findLastIndex(({ producer }) => producer === state.producerId),
      }))
      const after = new Acceptance('t', 0, at, ended, new Set([9]))
      accepted.push(...frames.slice(at).filter((frame) => judged(after, frame) === 'accepted'))
      after.passTo(frames.length)
      for (const producer of [1, 2, 3]) {
        const own = accepted.filter((frame) => frame.producer === producer).map(({ sequence }) => sequence)
        const all = [...new Set(frames.filter((frame) => frame.producer === producer).map(({ sequence }) => sequence))]
        assert.deepEqual(own, all)
      }
      assert.ok(accepted.every(({ producer }) => producer !== 0))
    }),
    { numRuns: 300 },
  )
})

function judged(acceptance: Acceptance, frame: { producer: number; sequence: number; offset: number }) {
  return acceptance.judge(frame.producer, frame.sequence, frame.offset)
}

function gap(error: unknown): boolean {
  return isMillraceError(error, 'MR_EXCHANGE_GAP')
}
