/** What the fold makes of failures, rewinds and summaries: the records that concern epochs as a whole. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MillraceError } from '../../common/errors.ts'
import type { ControlRecord } from './control-records.ts'
import { LogView } from './log-view.ts'

const claim = (previousEpoch: number): ControlRecord => ({
  type: 'epoch-claimed',
  nonce: `n${previousEpoch}`,
  previousEpoch,
  members: [{ worker: 'a', joinNonce: 'j', memberId: 'm' }],
  assignment: { a: ['s/0'] },
  graphDigest: 'g',
  workers: 1,
  slots: 4,
  at: '2026-01-01T00:00:00Z',
})

function fold(view: LogView, ...records: ControlRecord[]): boolean[] {
  return records.map((record) => view.apply(view.nextOffset, record))
}

/** Claims and starts an epoch; returns its number. */
function start(view: LogView): number {
  fold(view, claim(view.epoch))
  const { epoch, restorePoint } = view
  fold(
    view,
    { type: 'epoch-recovered', epoch, restorePoint, settled: [], fresh: {}, sources: {}, exchanges: [] },
    { type: 'worker-ready', epoch, worker: 'a', exchangeProducerId: 7 },
    { type: 'epoch-started', epoch, at: '2026-01-01T00:00:10Z' },
  )
  return epoch
}

function complete(view: LogView, checkpoint: number): void {
  const { epoch } = view
  fold(
    view,
    { type: 'checkpoint-triggered', epoch, checkpoint, kind: 'periodic' },
    { type: 'checkpoint-completed', epoch, checkpoint, path: `p${checkpoint}`, sha256: `d${checkpoint}` },
  )
}

const failed = (epoch: number, verdict: 'restart' | 'final' | 'membership' = 'restart'): ControlRecord => ({
  type: 'worker-failed',
  epoch,
  worker: 'a',
  code: 'MR_USER_CODE_FAILED',
  cause: 'it threw',
  verdict,
  at: '2026-01-01T00:01:10Z',
})

describe('a failure', () => {
  test('ends the epoch, once, and says how long it ran', () => {
    const view = new LogView()
    const epoch = start(view)
    assert.deepEqual(fold(view, failed(epoch), failed(epoch)), [true, false])
    assert.equal(view.epochState, 'failed')
    assert.equal(view.failure?.cause, 'it threw')
    assert.deepEqual(
      view.failures.map(({ ranMs }) => ranMs),
      [60_000],
    )
  })

  test('by a change of members is none that a restart strategy counts', () => {
    const view = new LogView()
    fold(view, failed(start(view), 'membership'))
    assert.equal(view.epochState, 'failed')
    assert.deepEqual(view.failures, [])
  })

  test('leaves nothing to decide about the checkpoint that was pending', () => {
    const view = new LogView()
    const epoch = start(view)
    fold(view, { type: 'checkpoint-triggered', epoch, checkpoint: 1, kind: 'periodic' }, failed(epoch))
    const late: ControlRecord = { type: 'checkpoint-completed', epoch, checkpoint: 1, path: 'p', sha256: 'd' }
    assert.deepEqual(fold(view, late), [false])
    assert.equal(view.restorePoint, null)
  })

  test('for good is told behind a failure only, and a new claim begins anew', () => {
    const view = new LogView()
    const epoch = start(view)
    const over: ControlRecord = { type: 'job-failed', epoch, code: 'MR_USER_CODE_FAILED', cause: 'it threw' }
    assert.deepEqual(fold(view, over, failed(epoch), over, over), [false, true, true, false])
    assert.equal(view.epochState, 'over')
    start(view)
    assert.equal(view.epochState, 'started')
    assert.equal(view.jobFailure, undefined)
  })
})

describe('a rewind by hand', () => {
  const settlePointOf = (view: LogView) => view.settlePoint?.checkpoint

  test('makes a retained checkpoint the restore point, and gives up what came behind it', () => {
    const view = new LogView()
    const epoch = start(view)
    for (const checkpoint of [1, 2, 3]) complete(view, checkpoint)
    assert.deepEqual(fold(view, { type: 'restored-to', epoch, checkpoint: 1 }), [true])
    assert.equal(view.epochState, 'failed')
    assert.equal(view.restorePoint?.checkpoint, 1)
    assert.equal(settlePointOf(view), 3)
    assert.deepEqual(
      [view.retained, view.abandoned].map((list) => list.map(({ checkpoint }) => checkpoint)),
      [[1], [2, 3]],
    )
    start(view)
    // Settled, and free to be dropped: a recovery that reads it again would find it deleted.
    assert.equal(settlePointOf(view), undefined)
    complete(view, 4)
    assert.equal(view.restorePoint?.checkpoint, 4)
    assert.equal(settlePointOf(view), 4)
    fold(view, { type: 'checkpoint-dropped', epoch: view.epoch, checkpoint: 2 })
    assert.deepEqual(
      view.abandoned.map(({ checkpoint }) => checkpoint),
      [3],
    )
  })

  test('to a checkpoint that is dropped, or was given up before, is void', () => {
    const view = new LogView()
    const epoch = start(view)
    for (const checkpoint of [1, 2]) complete(view, checkpoint)
    fold(view, { type: 'checkpoint-dropped', epoch, checkpoint: 1 })
    assert.deepEqual(fold(view, { type: 'restored-to', epoch, checkpoint: 1 }), [false])
    assert.equal(view.epochState, 'started')
  })
})

describe('a summary', () => {
  const summary = (view: LogView, asOf = view.nextOffset): ControlRecord => ({
    type: 'summary',
    epoch: view.epoch,
    asOf,
    view: JSON.parse(JSON.stringify(view.fold())),
  })

  test('makes a reader that begins with it know what the others do', () => {
    const view = new LogView()
    const epoch = start(view)
    complete(view, 1)
    fold(view, { type: 'exchange-lagging', epoch, worker: 'a', isLagging: true })
    const record = summary(view)
    const at = view.nextOffset
    assert.deepEqual(fold(view, record), [true])
    const reader = new LogView()
    assert.equal(reader.apply(at, record), true)
    assert.deepEqual(JSON.stringify(reader.fold()), JSON.stringify(view.fold()))
    for (const one of [view, reader]) complete(one, 2)
    assert.deepEqual(reader, view)
  })

  test('with a record between what it folds and itself is void', () => {
    const view = new LogView()
    start(view)
    const record = summary(view)
    complete(view, 1)
    assert.deepEqual(fold(view, record), [false])
    assert.equal(view.lastSummary, -1)
  })

  test('is what a log must begin with that does not begin at 0', () => {
    const late = new LogView()
    assert.throws(
      () => late.apply(5, claim(-1)),
      (error) => error instanceof MillraceError && error.code === 'MR_CONTROL_LOG_CORRUPT',
    )
  })
})
