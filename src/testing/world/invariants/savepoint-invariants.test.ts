/** The invariants of savepoints and stops: as invariants.test.ts, each is shown what keeps it and what does not. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ControlRecord } from '../../../checkpoint/protocol/control-records.ts'
import { DecidedOnce } from './decided-once.ts'
import {
  cancelAsked,
  checkpoint,
  claim,
  completed,
  copied,
  dropped,
  failed,
  listing,
  rewound,
  saved,
  savepointAsked,
  savepointMetadata,
  stopped,
  taken,
  triggered,
  triggeredFor,
  valid,
} from './history.fixture.ts'
import type { Invariant } from './invariant.ts'
import { KeptWhole } from './kept-whole.ts'
import { NeverBack } from './never-back.ts'
import { NothingBehindAStop } from './nothing-behind-a-stop.ts'
import { NothingForgotten } from './nothing-forgotten.ts'
import { OneRequest } from './one-request.ts'
import { SavepointWhole } from './savepoint-whole.ts'
import { StateIsTheCheckpoint } from './state-is-the-checkpoint.ts'
import { TakenOnce } from './taken-once.ts'

/** What is wrong with the last of these. */
function last(invariant: Invariant, ...records: readonly ControlRecord[]): string | undefined {
  return records.map((record, offset) => invariant.onRecord?.(valid(offset, record))).at(-1)
}

describe('one request', () => {
  const after = (...records: readonly ControlRecord[]) => last(new OneRequest(), ...records)
  const served = [savepointAsked(), triggeredFor(1), completed(0, 1)] as const
  const stopping = [savepointAsked(true), triggeredFor(1, 'final'), completed(0, 1)] as const

  test('at a time, until it is answered or another epoch begins', () => {
    assert.match(after(savepointAsked(), cancelAsked('s')) ?? '', /counts at 1, while a savepoint is under way/)
    assert.equal(after(savepointAsked(), failed(), cancelAsked('s')), undefined)
    assert.equal(after(savepointAsked(), claim(0), cancelAsked('s')), undefined)
    assert.equal(after(...served, saved(1), cancelAsked('s')), undefined)
  })

  test('has one checkpoint, a final one where the job is to stop', () => {
    assert.equal(after(savepointAsked(), triggered(0, 1), triggeredFor(2)), undefined)
    assert.match(after(savepointAsked(), triggeredFor(1), triggeredFor(2)) ?? '', /2 is triggered for what 1 is for/)
    assert.match(after(savepointAsked(), triggeredFor(1, 'periodic', 's')) ?? '', /a request that is not open/)
    assert.match(after(savepointAsked(true), triggeredFor(1)) ?? '', /1 for a savepoint with stop is periodic/)
    assert.match(after(cancelAsked(), triggeredFor(1)) ?? '', /1 for a cancellation is periodic/)
  })

  test('is answered when its checkpoint is complete', () => {
    assert.equal(after(...served, saved(1)), undefined)
    assert.match(after(...served, saved(1, 's')) ?? '', /no such request is open/)
    assert.match(
      after(savepointAsked(), triggeredFor(1), saved(1)) ?? '',
      /its request has checkpoint 1, which is not complete/,
    )
    assert.match(after(...served, saved(2)) ?? '', /one of checkpoint 2/)
    assert.match(after(cancelAsked(), triggeredFor(1, 'final'), stopped()) ?? '', /which is not complete/)
    assert.equal(after(cancelAsked(), triggeredFor(1, 'final'), completed(0, 1), stopped()), undefined)
    assert.match(after(cancelAsked(), triggeredFor(1, 'final'), completed(0, 1), saved(1)) ?? '', /makes a savepoint/)
  })

  test('of a stop is over when the job has stopped, behind its savepoint', () => {
    assert.equal(after(...stopping, saved(1), stopped()), undefined)
    assert.match(after(...stopping, stopped()) ?? '', /stops before its savepoint/)
    assert.match(after(...stopping, saved(1), failed()) ?? '', /its savepoint is complete/)
    assert.match(after(...served, stopped()) ?? '', /nobody has asked for that/)
    assert.match(after(...served, saved(1), stopped()) ?? '', /no such request is open/)
  })
})

describe('nothing behind a stop', () => {
  const history = () => {
    const invariant = new NothingBehindAStop()
    invariant.onEntered('old')
    assert.equal(invariant.onBegun('t:1:0'), undefined)
    assert.equal(invariant.onCommitted('t:1:0'), undefined)
    assert.equal(last(invariant, claim(-1), stopped()), undefined)
    return invariant
  }

  test('counts, but a rewind by hand', () => {
    assert.match(last(history(), triggered(0, 2)) ?? '', /counts, and the job has stopped at 1/)
    assert.equal(last(history(), rewound(0, 1)), undefined)
    assert.equal(history().onRecord({ ...valid(2, triggered(0, 2)), isValid: false }), undefined)
  })

  test('is put out', () => {
    assert.match(history().onBegun('t:2:0') ?? '', /t:2:0 begins, and the job has stopped/)
    assert.match(history().onCommitted('t:2:0') ?? '', /committed behind the stop/)
  })

  test('is claimed by those that were told to stop', () => {
    const byOld = history()
    byOld.onAppend('old', claim(0))
    assert.match(last(byOld, claim(0)) ?? '', /old, which took part before the job was stopped, claims/)
    const byNew = history()
    byNew.onEntered('new')
    byNew.onAppend('new', claim(0))
    assert.equal(last(byNew, claim(0)), undefined)
    assert.equal(byNew.onBegun('t:2:0'), undefined)
  })
})

describe('savepoints are whole', () => {
  const files = () => new Map([['one/state.seg', Buffer.from('data')]])
  const whole = (stored = files(), metadata = savepointMetadata(), isStop = false) => {
    const invariant = new SavepointWhole({
      bytesOf: (path) => stored.get(path),
      folderOf: (uri) => uri.slice('memory:/'.length),
    })
    invariant.onRecord(valid(0, savepointAsked(isStop)))
    return { invariant, wrong: invariant.onSaved({ record: saved(1), metadata }) }
  }

  test('their files are there, as they were written', () => {
    assert.equal(whole().wrong, undefined)
    assert.match(whole(new Map()).wrong ?? '', /one\/state.seg is not there/)
    assert.match(whole(new Map([['one/state.seg', Buffer.from('date')]])).wrong ?? '', /is not what it says/)
  })

  test('they are what the log says', () => {
    assert.match(whole(files(), savepointMetadata({ checkpoint: 2 })).wrong ?? '', /is of checkpoint 2 of epoch 0/)
    assert.match(whole(files(), savepointMetadata({ epoch: 7 })).wrong ?? '', /of epoch 7, the log says 1 of 0/)
    assert.match(whole(files(), savepointMetadata(), true).wrong ?? '', /says that the job has not stopped/)
    assert.equal(whole(files(), savepointMetadata({ isStopped: true }), true).wrong, undefined)
    assert.match(whole(files(), savepointMetadata({ totalBytes: 5 })).wrong ?? '', /has 5 bytes, the log says 4/)
  })

  test('nobody deletes them but a person', () => {
    const { invariant } = whole()
    assert.equal(invariant.onDeleted(['two/state.seg']), undefined)
    assert.match(invariant.onDeleted(['one/state.seg']) ?? '', /one\/state.seg is deleted/)
    assert.match(invariant.onDeleted(['one/metadata.json']) ?? '', /one\/metadata.json is deleted/)
    invariant.onReleased('memory:/one')
    assert.equal(invariant.onDeleted(['one/state.seg']), undefined)
  })
})

describe('taken once', () => {
  const job = (...records: readonly ControlRecord[]) => last(new TakenOnce(() => savepointMetadata()), ...records)

  test('however often the job is started with it', () => {
    assert.equal(job(taken(1)), undefined)
    assert.match(job(taken(1), taken(2)) ?? '', /memory:\/one is taken over again at 1/)
    assert.match(job(taken(1), taken(2, 'd', true)) ?? '', /taken over again/)
    assert.equal(job(taken(1), stopped(true), taken(2)), undefined)
  })

  test('in place of what the job has only by force', () => {
    assert.match(job(completed(0, 1), taken(2)) ?? '', /in place of checkpoints/)
    assert.match(job(taken(1), taken(2, 'another')) ?? '', /in place of checkpoints/)
    assert.equal(job(completed(0, 1), taken(2, 'd', true)), undefined)
    assert.equal(job(completed(0, 1), stopped(true), taken(2)), undefined)
  })

  test('from one that is complete, at its positions', () => {
    const restored = (position: number) => copied(2, { positions: { orders: { 0: position, 1: 0 } } })
    const known = new TakenOnce(() => savepointMetadata())
    assert.equal(known.onRestored(restored(5)), undefined)
    assert.match(known.onRestored(restored(4)) ?? '', /stands at {"0":5} of orders, its copy at {"0":4,"1":0}/)
    assert.match(new TakenOnce(() => undefined).onRestored(restored(5)) ?? '', /was never complete/)
    const { savepoint: _, ...metadata } = restored(5).metadata
    assert.match(known.onRestored({ ...restored(5), metadata }) ?? '', /says that it is another/)
  })
})

describe('what is taken over is a checkpoint of the job', () => {
  test('with a number of its own', () => {
    const invariant = new DecidedOnce()
    assert.equal(invariant.onRestored(copied(3)), undefined)
    assert.match(last(invariant, triggered(0, 3)) ?? '', /3 is triggered again/)
    assert.match(invariant.onRestored(copied(3)) ?? '', /checkpoint 3, which was triggered before/)
    const behind = new NeverBack()
    behind.onCompleted(checkpoint(3))
    assert.match(behind.onRestored(copied(3)) ?? '', /checkpoint 3, behind 3/)
  })

  test('that others build on, wherever it stands', () => {
    const at = (position: number) => ({ positions: { orders: { 0: position } } })
    const invariant = new NeverBack()
    invariant.onCompleted(checkpoint(1, at(9)))
    const copy = copied(2, at(5))
    assert.equal(invariant.onRestored(copy), undefined)
    assert.equal(invariant.onCompleted(checkpoint(3, at(6), copy)), undefined)
    assert.match(invariant.onCompleted(checkpoint(4, at(5), checkpoint(3, at(6), copy))) ?? '', /goes back from 6 to 5/)
    invariant.onRecord(valid(9, stopped(true)))
    assert.equal(invariant.onCompleted(checkpoint(5, at(0))), undefined)
  })

  test('that local state may be of', () => {
    const invariant = new StateIsTheCheckpoint()
    const { point } = copied(2)
    const marker = new Map([['s/0', { checkpoint: 2, epoch: 0, metadataDigest: point.sha256 }]])
    assert.notEqual(invariant.onMarked('disk', marker), undefined)
    invariant.onRestored(copied(2))
    assert.equal(invariant.onMarked('disk', marker), undefined)
  })

  test('that is kept, and what it takes the place of is not', () => {
    const slices = [{ task: 's/0', offset: 0, bytes: 10, entries: 1 }]
    const file = (path: string) => ({ segments: [{ path, bytes: 10, sha256: '', slices }] })
    const invariant = new KeptWhole({ sizeOf: () => 10, topicOf: (exchange) => exchange })
    invariant.onCompleted(checkpoint(1, file('segments/a')))
    assert.notEqual(invariant.onDeleted(['segments/a']), undefined)
    assert.equal(invariant.onRestored(copied(2, file('segments/b'))), undefined)
    assert.equal(invariant.onDeleted(['segments/a']), undefined)
    assert.match(invariant.onDeleted(['segments/b']) ?? '', /checkpoint 2 refers to it/)
    invariant.onRecord(valid(9, stopped(true)))
    assert.equal(invariant.onDeleted(['segments/b']), undefined)
  })
})

test('kept whole: a checkpoint is not dropped while a savepoint is made of it', () => {
  const making = (...then: readonly ControlRecord[]) => {
    const invariant = new KeptWhole({ sizeOf: () => undefined, topicOf: (exchange) => exchange })
    last(invariant, savepointAsked(), triggeredFor(2), completed(0, 2))
    invariant.onCompleted(checkpoint(2))
    return last(invariant, ...then)
  }
  assert.equal(making(dropped(0, 1)), undefined)
  assert.match(making(dropped(0, 2)) ?? '', /2 is dropped while a savepoint is made of it/)
  for (const end of [saved(2), failed(), claim(0)]) assert.equal(making(end, dropped(0, 2)), undefined)
})

describe('nothing forgotten', () => {
  const listed = () => {
    const invariant = new NothingForgotten()
    invariant.onCompleted(checkpoint(1, listing('t:1:0')))
    invariant.onCompleted(checkpoint(2, listing('t:1:0', 't:2:0')))
    return invariant
  }

  test('a savepoint leaves none of its checkpoint behind', () => {
    const invariant = listed()
    const made = { record: saved(1), metadata: savepointMetadata() }
    assert.match(invariant.onSaved(made) ?? '', /the savepoint of checkpoint 1 leaves behind t:1:0/)
    invariant.onCommitted('t:1:0')
    assert.equal(invariant.onSaved(made), undefined)
  })

  test('nor does a job that stops', () => {
    const invariant = listed()
    invariant.onCommitted('t:1:0')
    assert.match(last(invariant, stopped()) ?? '', /the job stops and leaves behind t:2:0/)
    invariant.onCommitted('t:2:0')
    assert.equal(last(invariant, stopped(true)), undefined)
    assert.equal(invariant.onCompleted(checkpoint(3)), undefined)
  })
})
