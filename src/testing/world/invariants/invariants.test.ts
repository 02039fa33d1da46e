/** Each invariant is shown a history that keeps it and one that does not: a checker that can't fail proves nothing. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeControlRecord } from '../../../checkpoint/protocol/control-records.ts'
import { LogView } from '../../../checkpoint/protocol/log-view.ts'
import { CommitBehindCompletion } from './commit-behind-completion.ts'
import { DecidedOnce } from './decided-once.ts'
import {
  aborted,
  acked,
  checkpoint,
  claim,
  completed,
  dropped,
  listing,
  ready,
  recovered,
  rewound,
  salvaged,
  triggered,
  valid,
} from './history.fixture.ts'
import { KeptWhole } from './kept-whole.ts'
import { NamedOnce } from './named-once.ts'
import { NeverBack } from './never-back.ts'
import { NothingForgotten } from './nothing-forgotten.ts'
import { OneEpoch } from './one-epoch.ts'
import { OneView } from './one-view.ts'
import { StateIsTheCheckpoint } from './state-is-the-checkpoint.ts'

describe('one epoch', () => {
  const running = () => {
    const invariant = new OneEpoch()
    assert.equal(invariant.onRecord(valid(0, claim(-1))), undefined)
    assert.equal(invariant.onRecord(valid(1, ready(0))), undefined)
    return invariant
  }

  test('a claim that counts names the one before it', () => {
    assert.equal(running().onRecord(valid(2, claim(0))), undefined)
    assert.match(running().onRecord(valid(2, claim(-1))) ?? '', /follows epoch -1/)
  })

  test('a record of another epoch does not count', () => {
    assert.equal(running().onRecord({ ...valid(2, ready(7, 'b')), isValid: false }), undefined)
    assert.match(running().onRecord(valid(2, ready(7, 'b'))) ?? '', /of epoch 7 counts in epoch 0/)
  })

  test('a worker enters an epoch once', () => {
    assert.match(running().onRecord(valid(2, ready(0))) ?? '', /a enters epoch 0 twice/)
  })
})

describe('decided once', () => {
  const after = (...records: Parameters<typeof valid>[1][]) => {
    const invariant = new DecidedOnce()
    return records.map((record, offset) => invariant.onRecord(valid(offset, record))).at(-1)
  }

  test('completed or aborted', () => {
    assert.equal(after(triggered(0, 1), completed(0, 1), triggered(0, 2), aborted(0, 2)), undefined)
    assert.match(after(triggered(0, 1), aborted(0, 1), completed(0, 1)) ?? '', /1 is aborted, and completed/)
    assert.match(after(completed(0, 1)) ?? '', /never triggered/)
    assert.match(after(triggered(0, 1), completed(5, 1)) ?? '', /in epoch 5/)
  })

  test('triggered once, ever', () => {
    assert.match(after(triggered(0, 1), aborted(0, 1), triggered(4, 1)) ?? '', /triggered again/)
  })
})

describe('commit behind completion', () => {
  test('only what a completed checkpoint lists, or stands in the place of it', () => {
    const invariant = new CommitBehindCompletion()
    invariant.onRecord(valid(0, acked(listing('t:1:0'))))
    assert.match(invariant.onCommitted('t:1:0') ?? '', /no completed checkpoint lists it/)
    invariant.onCompleted(checkpoint(1, listing('t:1:0')))
    assert.equal(invariant.onCommitted('t:1:0'), undefined)
    invariant.onRecord({ ...valid(1, salvaged('t:1:0', 's:2:0')), isValid: false })
    assert.notEqual(invariant.onCommitted('s:2:0'), undefined)
    invariant.onRecord(valid(2, salvaged('t:1:0', 's:2:0')))
    assert.equal(invariant.onCommitted('s:2:0'), undefined)
  })
})

describe('nothing forgotten', () => {
  const listed = (...ids: string[]) => {
    const invariant = new NothingForgotten()
    invariant.onCompleted(checkpoint(1, listing(...ids)))
    return invariant
  }

  test('the next checkpoint lists it, or it is committed', () => {
    assert.equal(listed('t:1:0').onCompleted(checkpoint(2, listing('t:1:0', 't:2:0'))), undefined)
    const invariant = listed('t:1:0')
    invariant.onCommitted('t:1:0')
    assert.equal(invariant.onCompleted(checkpoint(2)), undefined)
    assert.match(listed('t:1:0').onCompleted(checkpoint(2)) ?? '', /checkpoint 2 lists no more t:1:0/)
  })

  test('a recovery leaves none behind', () => {
    assert.match(listed('t:1:0').onRecord(valid(1, recovered([]))) ?? '', /the recovery passes over t:1:0/)
    assert.match(listed().onRecord(valid(1, recovered(['t:9:0']))) ?? '', /the recovery calls settled t:9:0/)
  })

  test('what stands in the place of a lost one must be committed, all of it', () => {
    const invariant = listed('t:1:0')
    invariant.onRecord(valid(1, salvaged('t:1:0', 's:2:0', 'rest')))
    invariant.onRecord(valid(2, salvaged('rest', 's:3:0')))
    invariant.onCommitted('s:2:0')
    assert.notEqual(invariant.onRecord(valid(3, recovered([]))), undefined)
    invariant.onCommitted('s:3:0')
    assert.equal(invariant.onRecord(valid(4, recovered(['t:1:0']))), undefined)
  })

  test('a worker calls committed what is', () => {
    assert.match(listed('t:1:0').onRecord(valid(1, acked({ committed: ['t:1:0'] }))) ?? '', /a calls committed t:1:0/)
  })
})

test('named once: an identity is that of one transaction', () => {
  const invariant = new NamedOnce()
  assert.equal(invariant.onBegun('t:1:0'), undefined)
  assert.equal(invariant.onBegun('t:1:1'), undefined)
  assert.match(invariant.onBegun('t:1:0') ?? '', /another transaction/)
})

test('state is the checkpoint: a marker names what is complete', () => {
  const invariant = new StateIsTheCheckpoint()
  const { point } = checkpoint(1)
  const marks = (number: number, metadataDigest: string) =>
    invariant.onMarked('disk', new Map([['s/0', { checkpoint: number, epoch: 0, metadataDigest }]]))
  assert.equal(marks(-1, ''), undefined)
  assert.match(marks(1, point.sha256) ?? '', /marks s\/0 as checkpoint 1.*completed is none/)
  invariant.onCompleted({ point, metadata: checkpoint(1).metadata })
  assert.equal(marks(1, point.sha256), undefined)
  assert.match(marks(1, 'f'.repeat(64)) ?? '', /ffffffffffff; completed is/)
})

describe('never back', () => {
  const at = (orders: number, exchanged: number, watermark: number) => ({
    positions: { orders: { 0: orders } },
    inputs: { 'by-key': { 0: { position: exchanged, channels: [] } } },
    watermarks: { 's/0': watermark },
  })
  const first = checkpoint(1, at(5, 5, 5))
  const behind = (...changes: Parameters<typeof at>) => {
    const invariant = new NeverBack()
    assert.equal(invariant.onCompleted(first), undefined)
    return invariant.onCompleted(checkpoint(2, at(...changes), first)) ?? ''
  }

  test('positions and watermarks', () => {
    assert.equal(behind(5, 6, 5), '')
    assert.match(behind(4, 5, 5), /source orders 0 goes back from 5 to 4/)
    assert.match(behind(5, 4, 5), /exchange by-key 0 goes back/)
    assert.match(behind(5, 5, 4), /watermark of s\/0 goes back/)
  })

  test('numbers', () => {
    const invariant = new NeverBack()
    invariant.onCompleted(first)
    assert.match(invariant.onCompleted(checkpoint(1, at(6, 6, 6), first)) ?? '', /comes behind 1/)
  })

  test('but for a rewind, behind which the next one builds on what was restored', () => {
    const second = checkpoint(2, at(9, 9, 9), first)
    const history = () => {
      const invariant = new NeverBack()
      invariant.onCompleted(first)
      invariant.onCompleted(second)
      assert.equal(invariant.onRecord(valid(9, rewound(0, 1))), undefined)
      return invariant
    }
    assert.equal(history().onCompleted(checkpoint(3, at(6, 6, 6), first)), undefined)
    assert.match(history().onCompleted(checkpoint(3, at(9, 9, 9), second)) ?? '', /builds on 2, and the restore point is 1/)
  })
})

describe('kept whole', () => {
  const file = { path: 'segments/a', bytes: 10, sha256: '', slices: [{ task: 's/0', offset: 0, bytes: 10, entries: 1 }] }
  const first = checkpoint(1, { segments: [file], inputs: { 'by-key': { 0: { position: 7, channels: [] } } } })
  const kept = (size: number | undefined = 10) => {
    const invariant = new KeptWhole({ sizeOf: () => size, topicOf: (exchange) => `app.exchange.${exchange}` })
    return { invariant, wrong: invariant.onCompleted(first) }
  }

  test('its files are there when it completes', () => {
    assert.equal(kept().wrong, undefined)
    const missing = new KeptWhole({ sizeOf: () => undefined, topicOf: (exchange) => exchange })
    assert.match(missing.onCompleted(first) ?? '', /refers to 10 bytes of segments\/a, and there are none/)
  })

  test('none is deleted until it is dropped', () => {
    const { invariant } = kept()
    assert.equal(invariant.onDeleted(['segments/b']), undefined)
    assert.match(invariant.onDeleted(['segments/a']) ?? '', /checkpoint 1 refers to it/)
    assert.match(invariant.onDeleted([first.point.path]) ?? '', /checkpoint 1 refers to it/)
    invariant.onRecord({ ...valid(1, dropped(0, 1)), isValid: false })
    assert.notEqual(invariant.onDeleted(['segments/a']), undefined)
    invariant.onRecord(valid(2, dropped(0, 1)))
    assert.equal(invariant.onDeleted(['segments/a']), undefined)
  })

  test('what a rewind has given up needs nothing', () => {
    const { invariant } = kept()
    invariant.onRecord(valid(1, rewound(0, 1)))
    assert.notEqual(invariant.onDeleted(['segments/a']), undefined)
    invariant.onRecord(valid(2, rewound(0, 0)))
    assert.equal(invariant.onDeleted(['segments/a']), undefined)
  })

  test('exchanges hold what comes behind its positions', () => {
    const { invariant } = kept()
    assert.equal(invariant.onTrimmed('app.exchange.by-key', 0, 7), undefined)
    assert.match(invariant.onTrimmed('app.exchange.by-key', 0, 8) ?? '', /goes on from 7/)
    assert.equal(invariant.onTrimmed('other', 0, 8), undefined)
  })
})

describe('order of decisions', () => {
  const log = [claim(-1), recovered([]), ready(0), { type: 'epoch-started', epoch: 0, at: '2026-01-01T00:00:00Z' } as const]

  function history() {
    const invariant = new OneView('app.control')
    const view = new LogView()
    const add = (record: (typeof log)[number] | Parameters<typeof valid>[1]) => {
      const offset = view.nextOffset
      invariant.hold(offset, encodeControlRecord(record))
      return invariant.onRecord({ offset, record, isValid: view.apply(offset, record) })
    }
    for (const record of log) assert.equal(add(record), undefined)
    return { invariant, view, add }
  }

  test('everybody reads what stands there, once and in order', () => {
    const { invariant } = history()
    assert.equal(invariant.onRead('w', 0, encodeControlRecord(log[0]!)), undefined)
    assert.match(invariant.onRead('w', 1, encodeControlRecord(log[2]!)) ?? '', /what does not stand there/)
    assert.match(invariant.onRead('w', 3, encodeControlRecord(log[3]!)) ?? '', /reads 3 behind 1/)
    assert.match(invariant.onRead('x', 2, encodeControlRecord(log[2]!)) ?? '', /begins to read at 2/)
  })

  test('a summary tells what was before it, and only before one the log is trimmed', () => {
    const { invariant, view, add } = history()
    assert.match(invariant.onTrimmed('app.control', 0, 4) ?? '', /no valid summary/)
    assert.equal(add({ type: 'summary', epoch: 0, asOf: 4, view: { ...view.fold() } }), undefined)
    assert.equal(invariant.onTrimmed('app.control', 0, 4), undefined)
    assert.match(
      add({ type: 'summary', epoch: 0, asOf: 5, view: { ...view.fold(), lastCheckpoint: 3 } }) ?? '',
      /sees at 5 something else/,
    )
  })
})
