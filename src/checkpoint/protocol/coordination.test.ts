import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { manifestWith } from '../manifest.fixture.ts'
import type { ControlRecord } from './control-records.ts'
import { type CheckpointSettings, type CoordinatorFacts, decide } from './coordination.ts'
import { LogView } from './log-view.ts'

const settings: CheckpointSettings = {
  intervalMs: 1000,
  timeoutMs: 5000,
  minPauseMs: 0,
  tolerableFailures: 1,
  retained: 2,
  summaryEvery: 1000,
}
const facts = (changes: Partial<CoordinatorFacts> = {}): CoordinatorFacts => ({
  nowMs: 10_000,
  lastTriggeredAtMs: 9_500,
  lastDecidedAtMs: 9_600,
  wanted: 'none',
  failuresInRow: 0,
  summaryTriedAt: Number.NEGATIVE_INFINITY,
  ...changes,
})
/** A running epoch of worker a (and b), and what was written behind its start. */
function view(records: readonly Record<string, unknown>[] = [], workers = ['a']): LogView {
  const folded = new LogView()
  const epoch = 0
  const all: Record<string, unknown>[] = [
    {
      type: 'epoch-claimed',
      nonce: 'n',
      previousEpoch: -1,
      members: [],
      assignment: Object.fromEntries(workers.map((worker) => [worker, []])),
      graphDigest: '',
      workers: 1,
      slots: 1,
      at: '',
    },
    { type: 'epoch-recovered', epoch, restorePoint: null, settled: [], fresh: {}, sources: {}, exchanges: [] },
    { type: 'epoch-started', epoch, at: '' },
    ...records.map((record) => ({ epoch, ...record })),
  ]
  for (const record of all)
    assert.ok(folded.apply(folded.nextOffset, record as unknown as ControlRecord), `${record.type} is valid`)
  return folded
}

const triggered = { type: 'checkpoint-triggered', checkpoint: 1, kind: 'periodic' }
const acked = (worker: string) => ({ type: 'checkpoint-acked', checkpoint: 1, worker, manifest: manifestWith({ worker }) })
const completed = (checkpoint: number) => [
  { type: 'checkpoint-triggered', checkpoint, kind: 'periodic' },
  { type: 'checkpoint-completed', checkpoint, path: `p${checkpoint}`, sha256: 'd' },
]

describe('triggering', () => {
  test('waits for the interval since the last trigger', () => {
    assert.deepEqual(decide(view(), settings, facts()), { kind: 'wait', untilMs: 10_500 })
    assert.deepEqual(decide(view(), settings, facts({ nowMs: 10_500 })), {
      kind: 'trigger',
      checkpoint: 1,
      checkpointKind: 'periodic',
    })
  })

  test('keeps the pause since the last decision', () => {
    const paused = { ...settings, minPauseMs: 2000 }
    assert.deepEqual(decide(view(), paused, facts({ nowMs: 10_500 })), { kind: 'wait', untilMs: 11_600 })
  })

  test('comes early where it is wanted soon, but not before the pause', () => {
    assert.equal(decide(view(), settings, facts({ wanted: 'soon' })).kind, 'trigger')
    const paused = { ...settings, minPauseMs: 2000 }
    assert.deepEqual(decide(view(), paused, facts({ wanted: 'soon' })), { kind: 'wait', untilMs: 11_600 })
  })

  test('comes at once when it is the final one', () => {
    const paused = { ...settings, minPauseMs: 2000 }
    assert.deepEqual(decide(view(), paused, facts({ wanted: 'final' })), {
      kind: 'trigger',
      checkpoint: 1,
      checkpointKind: 'final',
    })
  })

  test('takes the number behind the last one triggered, whatever became of that', () => {
    const aborted = { type: 'checkpoint-aborted', checkpoint: 2, reason: 'timeout' }
    const records = [...completed(1), { ...triggered, checkpoint: 2 }, aborted]
    assert.deepEqual(decide(view(records), settings, facts({ nowMs: 10_500 })), {
      kind: 'trigger',
      checkpoint: 3,
      checkpointKind: 'periodic',
    })
  })

  test('never begins while one is pending', () => {
    assert.equal(decide(view([triggered]), settings, facts({ wanted: 'final' })).kind, 'wait')
  })
})

describe('a pending checkpoint', () => {
  test('is complete when every worker has acked', () => {
    const workers = ['a', 'b']
    assert.equal(decide(view([triggered, acked('a')], workers), settings, facts()).kind, 'wait')
    assert.deepEqual(decide(view([triggered, acked('a'), acked('b')], workers), settings, facts()), {
      kind: 'complete',
      checkpoint: 1,
    })
  })

  test('is aborted when it takes too long', () => {
    const late = facts({ nowMs: 14_500 })
    assert.deepEqual(decide(view([triggered]), settings, late), { kind: 'abort', checkpoint: 1, reason: 'timeout' })
  })

  test('is aborted when a worker declines', () => {
    const declined = { type: 'checkpoint-declined', checkpoint: 1, worker: 'a', cause: 'full' }
    assert.deepEqual(decide(view([triggered, declined]), settings, facts()), {
      kind: 'abort',
      checkpoint: 1,
      reason: 'declined',
    })
  })
})

test('more failures in a row than are tolerated end the epoch', () => {
  assert.equal(decide(view(), settings, facts({ failuresInRow: 1 })).kind, 'wait')
  assert.equal(decide(view(), settings, facts({ failuresInRow: 2 })).kind, 'give-up')
})

test('the oldest checkpoint beyond those retained is dropped', () => {
  const records = [...completed(1), ...completed(2), ...completed(3)]
  assert.deepEqual(decide(view(records), settings, facts()), { kind: 'drop', checkpoint: 1 })
})

test('nothing is decided before the epoch has started, and nothing after it failed', () => {
  assert.deepEqual(decide(new LogView(), settings, facts()), { kind: 'wait', untilMs: Number.POSITIVE_INFINITY })
  const failed = view([{ type: 'worker-failed', worker: 'a', cause: 'x' }])
  assert.equal(decide(failed, settings, facts({ nowMs: 99_999 })).kind, 'wait')
})

describe('what somebody asks for', () => {
  const asked = (isStop: boolean) => ({ type: 'savepoint-requested', request: 'r', to: null, isStop, at: '' })
  const kept = [...completed(1), ...completed(2), ...completed(3)]

  test('is triggered at once, final where the job is to stop', () => {
    for (const isStop of [false, true]) {
      assert.deepEqual(decide(view([asked(isStop)]), settings, facts()), {
        kind: 'trigger',
        checkpoint: 1,
        checkpointKind: isStop ? 'final' : 'periodic',
        request: 'r',
      })
    }
  })

  test('is triggered once', () => {
    const served = [
      asked(false),
      { ...triggered, request: 'r' },
      { type: 'checkpoint-aborted', checkpoint: 1, reason: 'timeout' },
    ]
    assert.deepEqual(decide(view(served), settings, facts()), { kind: 'wait', untilMs: 10_500 })
  })

  test('comes behind workers that are about to stop, unless it is to stop them all', () => {
    const wanted = facts({ wanted: 'final' })
    assert.deepEqual(decide(view([asked(false)]), settings, wanted), {
      kind: 'trigger',
      checkpoint: 1,
      checkpointKind: 'final',
    })
    assert.equal((decide(view([asked(true)]), settings, wanted) as { request?: string }).request, 'r')
  })

  test('holds back what would delete files and frames that it is made of', () => {
    assert.deepEqual(decide(view(kept), settings, facts()), { kind: 'drop', checkpoint: 1 })
    const copying = [...completed(1), ...completed(2), asked(false), { ...completed(3)[0], request: 'r' }, completed(3)[1]!]
    assert.deepEqual(decide(view(copying), settings, facts()), { kind: 'wait', untilMs: 10_500 })
  })
})
