import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ControlRecord } from '../checkpoint/protocol/control-records.ts'
import { MemoryControlLog } from '../testing/memory-control-log.ts'
import { appendOne, LogFollower } from './log-follower.ts'

const claim = (previousEpoch: number): ControlRecord => ({
  type: 'epoch-claimed',
  nonce: 'n',
  previousEpoch,
  members: [],
  assignment: {},
  graphDigest: '',
  workers: 1,
  slots: 1,
  at: '',
})

/** Acknowledges an append only when the tail has long delivered it. */
class SlowLog extends MemoryControlLog {
  override async append(values: readonly Buffer[]): Promise<number> {
    const base = await super.append(values)
    await new Promise((resolve) => setTimeout(resolve, 5))
    return base
  }
}

test('an append is read back, whether the tail or the acknowledgement comes first', async () => {
  for (const log of [new MemoryControlLog(), new SlowLog()]) {
    const follower = new LogFollower(log)
    await follower.start()
    assert.equal(await appendOne(follower, claim(-1)), true)
    assert.equal(await appendOne(follower, claim(-1)), false)
    assert.deepEqual(await follower.append([claim(0), claim(0)]), [true, false])
    assert.deepEqual(await Promise.all([appendOne(follower, claim(2)), appendOne(follower, claim(2))]), [true, false])
    assert.equal(follower.view.nextOffset, 6)
    await follower.stop()
  }
})

/** A broker that is gone. */
class SilentLog extends MemoryControlLog {
  override append(): Promise<number> {
    return new Promise(() => {})
  }
}

test('an append that no broker answers ends with the follower', async () => {
  const follower = new LogFollower(new SilentLog())
  await follower.start()
  const appended = assert.rejects(appendOne(follower, claim(-1)), /not followed any more/)
  await follower.stop()
  await appended
})
