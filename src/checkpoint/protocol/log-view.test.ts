import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { manifestWith } from '../manifest.fixture.ts'
import { HISTORY_KEPT } from './checkpoint-history.ts'
import type { ControlRecord } from './control-records.ts'
import { LogView } from './log-view.ts'

const claim = (previousEpoch: number, nonce = `n${previousEpoch}`): ControlRecord => ({
  type: 'epoch-claimed',
  nonce,
  previousEpoch,
  members: [{ worker: 'a', joinNonce: nonce, memberId: 'm' }],
  assignment: { a: ['s/0'] },
  graphDigest: 'g',
  workers: 1,
  slots: 4,
  at: '',
})

/** Folds records one behind another; returns which were valid. */
function fold(view: LogView, records: readonly ControlRecord[]): boolean[] {
  return records.map((record) => view.apply(view.nextOffset, record))
}

function started(view: LogView): number {
  fold(view, [claim(view.epoch)])
  const { epoch } = view
  fold(view, [
    { type: 'epoch-recovered', epoch, restorePoint: view.restorePoint, settled: [], fresh: {}, sources: {}, exchanges: [] },
    { type: 'worker-ready', epoch, worker: 'a', exchangeProducerId: null },
    { type: 'epoch-started', epoch, at: '2026-01-01T00:00:00Z' },
  ])
  return epoch
}

describe('claims', () => {
  test('an epoch is numbered by the offset of its claim', () => {
    const view = new LogView()
    fold(view, [claim(-1)])
    assert.equal(view.epoch, 0)
    assert.equal(view.epochState, 'claimed')
  })

  test('a claim that names an older claim than the last valid one is void', () => {
    const view = new LogView()
    assert.deepEqual(fold(view, [claim(-1, 'first'), claim(-1, 'late'), claim(0, 'next')]), [true, false, true])
    assert.equal(view.epoch, 2)
    assert.equal(view.claim?.nonce, 'next')
  })

  test('what an older epoch still writes is void', () => {
    const view = new LogView()
    const old = started(view)
    started(view)
    assert.deepEqual(fold(view, [{ type: 'checkpoint-triggered', epoch: old, checkpoint: 1, kind: 'periodic' }]), [false])
    assert.equal(view.pending, undefined)
  })

  test('the largest transaction pool ever claimed is remembered', () => {
    const view = new LogView()
    fold(view, [{ ...claim(-1), slots: 9 } as ControlRecord, claim(0)])
    assert.deepEqual([view.poolWorkers, view.poolSlots], [1, 9])
  })
})

describe('checkpoints', () => {
  test('the first decision about a checkpoint stands', () => {
    const view = new LogView()
    const epoch = started(view)
    const validity = fold(view, [
      { type: 'checkpoint-triggered', epoch, checkpoint: 1, kind: 'periodic' },
      { type: 'checkpoint-aborted', epoch, checkpoint: 1, reason: 'timeout' },
      { type: 'checkpoint-completed', epoch, checkpoint: 1, path: 'p', sha256: 'd' },
    ])
    assert.deepEqual(validity, [true, true, false])
    assert.equal(view.restorePoint, null)
  })

  test('a number is never used again, not even after a new claim', () => {
    const view = new LogView()
    const epoch = started(view)
    fold(view, [{ type: 'checkpoint-triggered', epoch, checkpoint: 7, kind: 'periodic' }])
    const next = started(view)
    assert.deepEqual(fold(view, [{ type: 'checkpoint-triggered', epoch: next, checkpoint: 7, kind: 'periodic' }]), [false])
    assert.equal(view.lastCheckpoint, 7)
  })

  test('only one is pending at a time', () => {
    const view = new LogView()
    const epoch = started(view)
    const trigger = (checkpoint: number): ControlRecord => ({
      type: 'checkpoint-triggered',
      epoch,
      checkpoint,
      kind: 'periodic',
    })
    assert.deepEqual(fold(view, [trigger(1), trigger(2)]), [true, false])
  })

  test('a completion moves the restore point and is retained until dropped', () => {
    const view = new LogView()
    const epoch = started(view)
    fold(view, [
      { type: 'checkpoint-triggered', epoch, checkpoint: 1, kind: 'periodic' },
      { type: 'checkpoint-acked', epoch, checkpoint: 1, worker: 'a', manifest: manifestWith() },
      { type: 'checkpoint-completed', epoch, checkpoint: 1, path: 'p', sha256: 'd' },
    ])
    assert.deepEqual(view.restorePoint, { checkpoint: 1, epoch, path: 'p', sha256: 'd' })
    assert.equal(view.retained.length, 1)
    fold(view, [{ type: 'checkpoint-dropped', epoch, checkpoint: 1 }])
    assert.equal(view.retained.length, 0)
  })

  test('a checkpoint that a newer claim cut short can not be completed any more', () => {
    const view = new LogView()
    const epoch = started(view)
    fold(view, [{ type: 'checkpoint-triggered', epoch, checkpoint: 1, kind: 'periodic' }])
    const next = started(view)
    const validity = fold(view, [{ type: 'checkpoint-completed', epoch: next, checkpoint: 1, path: 'p', sha256: 'd' }])
    assert.deepEqual(validity, [false])
  })
})

describe('the history', () => {
  test('is bounded, and outlives the log that a summary replaces', () => {
    const view = new LogView()
    const epoch = started(view)
    for (let checkpoint = 1; checkpoint <= HISTORY_KEPT + 5; checkpoint++) {
      fold(view, [
        { type: 'checkpoint-triggered', epoch, checkpoint, kind: 'periodic', at: '2026-01-01T00:00:01Z' },
        {
          type: 'checkpoint-aborted',
          epoch,
          checkpoint,
          reason: 'timeout',
          cause: 'x'.repeat(9_999),
          at: '2026-01-01T00:00:02Z',
        },
      ])
    }
    assert.equal(view.history.length, HISTORY_KEPT)
    const newest = view.history.at(-1)
    assert.deepEqual(
      { ...newest, cause: newest?.cause?.length },
      {
        checkpoint: HISTORY_KEPT + 5,
        epoch,
        kind: 'periodic',
        triggeredAt: '2026-01-01T00:00:01Z',
        outcome: 'aborted',
        decidedAt: '2026-01-01T00:00:02Z',
        reason: 'timeout',
        cause: 500,
      },
    )
    const folded = JSON.parse(JSON.stringify(view.fold()))
    const trimmed = new LogView()
    trimmed.apply(900, { type: 'summary', epoch, asOf: 900, view: folded })
    assert.deepEqual(trimmed.history, view.history)
    const { history, ...ofEarlierRelease } = folded
    const older = new LogView()
    older.apply(900, { type: 'summary', epoch, asOf: 900, view: ofEarlierRelease })
    assert.deepEqual(older.history, [])
  })
})

describe('an epoch', () => {
  test('is finished when its final checkpoint is complete, until the next claim', () => {
    const view = new LogView()
    const epoch = started(view)
    const take = (checkpoint: number, kind: 'periodic' | 'final') =>
      fold(view, [
        { type: 'checkpoint-triggered', epoch, checkpoint, kind },
        { type: 'checkpoint-acked', epoch, checkpoint, worker: 'a', manifest: manifestWith() },
        { type: 'checkpoint-completed', epoch, checkpoint, path: `p${checkpoint}`, sha256: '' },
      ])
    take(1, 'periodic')
    assert.equal(view.isFinished, false)
    take(2, 'final')
    assert.equal(view.isFinished, true)
    fold(view, [claim(epoch)])
    assert.equal(view.isFinished, false)
  })
})

describe('settled transactions', () => {
  test('are remembered as long as the restore point lists them', () => {
    const view = new LogView()
    const epoch = started(view)
    const listing = manifestWith({ committables: [{ participant: 'kafka', committable: { id: 't1' } }] })
    fold(view, [
      { type: 'checkpoint-triggered', epoch, checkpoint: 1, kind: 'periodic' },
      { type: 'checkpoint-acked', epoch, checkpoint: 1, worker: 'a', manifest: listing },
      { type: 'checkpoint-completed', epoch, checkpoint: 1, path: 'p', sha256: 'd' },
      { type: 'checkpoint-triggered', epoch, checkpoint: 2, kind: 'periodic' },
      { type: 'checkpoint-acked', epoch, checkpoint: 2, worker: 'a', manifest: manifestWith({ committed: ['t1'] }) },
      { type: 'checkpoint-aborted', epoch, checkpoint: 2, reason: 'timeout' },
    ])
    assert.deepEqual([...view.settled], ['t1'])
    fold(view, [
      { type: 'checkpoint-triggered', epoch, checkpoint: 3, kind: 'periodic' },
      { type: 'checkpoint-acked', epoch, checkpoint: 3, worker: 'a', manifest: manifestWith() },
      { type: 'checkpoint-completed', epoch, checkpoint: 3, path: 'p', sha256: 'd' },
    ])
    assert.equal(view.settled.size, 0)
  })
})
