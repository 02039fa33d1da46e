import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ControlRecord } from './control-records.ts'
import { LogView } from './log-view.ts'

/** A view in a started epoch, and a hand to append to its log: which tells whether the record was valid. */
function startedView(workers = ['a']) {
  const view = new LogView()
  const append = (record: Record<string, unknown>) =>
    view.apply(view.nextOffset, { epoch: view.epoch, ...record } as unknown as ControlRecord)
  const start = (between: readonly Record<string, unknown>[] = []) => {
    append({
      type: 'epoch-claimed',
      nonce: `n${view.nextOffset}`,
      previousEpoch: view.epoch,
      members: [],
      assignment: Object.fromEntries(workers.map((worker) => [worker, []])),
      graphDigest: '',
      workers: 1,
      slots: 1,
      at: '',
    })
    const valid = between.map(append)
    append({ type: 'epoch-recovered', restorePoint: null, settled: [], fresh: {}, sources: {}, exchanges: [] })
    append({ type: 'epoch-started', at: '' })
    return valid
  }
  start()
  return { view, append, start }
}

const asked = (isStop = false, request = 'r') => ({ type: 'savepoint-requested', request, to: null, isStop, at: '' })
const triggered = (checkpoint: number, request?: string) => ({
  type: 'checkpoint-triggered',
  checkpoint,
  kind: 'periodic',
  ...(request !== undefined && { request }),
})
const completed = (checkpoint: number) => ({
  type: 'checkpoint-completed',
  checkpoint,
  path: `p${checkpoint}`,
  sha256: `d${checkpoint}`,
})
const saved = { type: 'savepoint-completed', request: 'r', checkpoint: 1, uri: 'u', sha256: 's', bytes: 1 }
const stopped = (isForgotten: boolean) => ({ type: 'job-stopped', request: 'r', isForgotten })
const taken = (checkpoint: number, isForced = false) => ({
  type: 'savepoint-restored',
  savepoint: { uri: 'u', sha256: 's' },
  checkpoint,
  path: 'copy',
  sha256: 'd',
  isForced,
})

describe('requests', () => {
  test('there is one at a time, with a checkpoint of its own', () => {
    const { view, append } = startedView()
    assert.equal(append(asked()), true)
    assert.equal(append(asked(true, 'another')), false)
    append(triggered(1))
    append(completed(1))
    const completedFor = () => view.request?.completed?.checkpoint
    assert.equal(completedFor(), undefined)
    append(triggered(2, 'r'))
    append(completed(2))
    assert.equal(completedFor(), 2)
    assert.equal(append({ type: 'transactions-committed', checkpoint: 1, worker: 'a', committed: [] }), false)
    assert.equal(append({ type: 'transactions-committed', checkpoint: 2, worker: 'a', committed: ['t'] }), true)
    assert.deepEqual([...(view.request?.committedBy ?? [])], ['a'])
    assert(view.settled.has('t'), 'what is told to be committed is never asked about again')
    assert.equal(append({ ...saved, request: 'other' }), false)
    assert.equal(view.lastSavepoint, undefined)
    assert.equal(append(saved), true)
    assert.equal(view.request, undefined)
    assert.equal(view.epochState, 'started')
    assert.deepEqual(view.lastSavepoint, { checkpoint: 1, uri: 'u', bytes: 1, at: null })
    assert.deepEqual(view.fold().lastSavepoint, view.lastSavepoint)
  })

  test('one whose checkpoint is aborted knows why, and ends by failing', () => {
    const { view, append } = startedView()
    append(asked())
    append(triggered(1, 'r'))
    append({ type: 'checkpoint-aborted', checkpoint: 1, reason: 'timeout' })
    assert.equal(view.request?.abortReason, 'timeout')
    append({ type: 'request-failed', request: 'r', code: 'c', cause: '' })
    assert.equal(view.request, undefined)
  })

  test('with its epoch it is over, and what comes of it later is void', () => {
    const { view, append, start } = startedView()
    append(asked(true))
    start()
    assert.equal(view.request, undefined)
    assert.equal(append(saved), false)
    assert.equal(append(stopped(false)), false)
    assert.equal(view.epochState, 'started')
  })

  test('no summary comes between: it would forget the request', () => {
    const { view, append } = startedView()
    append(asked())
    assert.equal(append({ type: 'summary', asOf: view.nextOffset, view: {} }), false)
  })
})

test('asking for an early checkpoint is of a running epoch, and leaves nothing behind', () => {
  const { view, append } = startedView()
  const before = JSON.stringify(view.fold())
  assert.equal(append({ type: 'early-requested', worker: 'a' }), true)
  assert.equal(JSON.stringify(view.fold()), before)
  append({ type: 'worker-failed', worker: 'a', code: 'X', cause: '', verdict: 'restart', at: '' })
  assert.equal(append({ type: 'early-requested', worker: 'a' }), false)
})

describe('a job that is stopped on purpose', () => {
  test('is in a state of its own, until a copy is started', () => {
    const { view, append, start } = startedView()
    append(asked(true))
    append(triggered(1, 'r'))
    append(completed(1))
    append(saved)
    assert.equal(view.epochState, 'started', 'not before it is told')
    append(stopped(false))
    assert.equal(view.epochState, 'stopped')
    assert.equal(view.stoppedAt, view.nextOffset - 1)
    assert.equal(append(asked()), false)
    start()
    assert.equal(view.epochState, 'started')
    assert.equal(view.restorePoint?.checkpoint, 1)
  })

  test('and forgotten begins anew, with numbers that were never used', () => {
    const { view, append } = startedView()
    append(triggered(1))
    append(completed(1))
    append({ type: 'cancel-requested', request: 'r', at: '' })
    append(triggered(2, 'r'))
    append(completed(2))
    append(stopped(true))
    const { restorePoint, settlePoint, retained, abandoned, sourceStarts, lastCheckpoint } = view
    assert.deepEqual([restorePoint, settlePoint, retained, abandoned, sourceStarts.size], [null, null, [], [], 0])
    assert.equal(lastCheckpoint, 2)
    assert.deepEqual(view.lineage, [], 'local state of it is of no use')
  })

  test('is not begun anew by a claim whose author has not read that it is stopped', () => {
    for (const [seen, isValid] of [
      [-1, false],
      [0, true],
      [undefined, true],
    ] as const) {
      const { view, append } = startedView()
      append({ type: 'cancel-requested', request: 'r', at: '' })
      append(triggered(1, 'r'))
      append(completed(1))
      append(stopped(false))
      const claim = { type: 'epoch-claimed', previousEpoch: view.epoch, members: [], assignment: {}, graphDigest: '' }
      const known = seen === undefined ? {} : { seen: view.stoppedAt + seen }
      assert.equal(append({ ...claim, nonce: 'n', workers: 1, slots: 1, at: '', ...known }), isValid)
      assert.equal(view.epochState, isValid ? 'claimed' : 'stopped')
    }
  })
})

describe('a savepoint that is taken over', () => {
  test('is the restore point of a job that has none', () => {
    const { view, start } = startedView()
    assert.deepEqual(start([taken(1)]), [true])
    assert.deepEqual(view.restorePoint, { checkpoint: 1, epoch: view.epoch, path: 'copy', sha256: 'd' })
    assert.equal(view.settlePoint, null, 'it has no transactions')
    assert.deepEqual(view.restoredFrom, { uri: 'u', sha256: 's' })
    const other = new LogView()
    other.apply(99, { type: 'summary', epoch: view.epoch, asOf: 99, view: { ...view.fold() } })
    assert.deepEqual(other.restoredFrom, view.restoredFrom, 'summaries tell of it')
  })

  test('is void where the job has one, unless it is forced: then the others are given up', () => {
    const { view, append, start } = startedView()
    append(triggered(1))
    append(completed(1))
    assert.deepEqual(start([taken(2)]), [false])
    assert.equal(view.restorePoint?.checkpoint, 1)
    assert.deepEqual(start([taken(1, true), taken(2, true)]), [false, true])
    assert.equal(view.restorePoint?.checkpoint, 2)
    assert.deepEqual(
      view.abandoned.map(({ checkpoint }) => checkpoint),
      [1],
    )
    assert.deepEqual(view.lineage, [{ checkpoint: 2, sha256: 'd' }], 'it descends from none of them')
  })
})
