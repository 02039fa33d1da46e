import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ControlRecord } from '../../checkpoint/protocol/control-records.ts'
import { layerOfJob } from '../../config/layers.ts'
import { resolveConfig } from '../../config/resolve.ts'
import { MemoryControlLog } from '../../testing/memory-control-log.ts'
import { LogFollower } from '../log-follower.ts'
import { isHeldBack, tellOfLag } from './exchange-lag.ts'

const START: readonly ControlRecord[] = [
  {
    type: 'epoch-claimed',
    nonce: '',
    previousEpoch: -1,
    members: [],
    assignment: { a: [], b: [] },
    graphDigest: '',
    workers: 2,
    slots: 1,
    at: '',
  },
  { type: 'epoch-recovered', epoch: 0, restorePoint: null, settled: [], fresh: {}, sources: {}, exchanges: [] },
  { type: 'epoch-started', epoch: 0, at: '' },
]

test('sources are held back from the time that one worker lags until none does', async () => {
  const { config } = resolveConfig([
    layerOfJob({ appId: 'app', brokers: 'localhost:1', checkpoints: 'file:///c', exchangeMaxLag: 10 }),
  ])
  const follower = new LogFollower(new MemoryControlLog())
  await follower.start()
  await follower.append(START)
  const { view } = follower
  const observe = async (worker: string, frames: number): Promise<boolean> => {
    tellOfLag({ follower, config }, { epoch: 0, worker, fail: assert.fail }, frames)
    await follower.catchUp()
    await new Promise((resolve) => setImmediate(resolve))
    return isHeldBack(view)
  }
  assert.equal(await observe('a', 10), false)
  assert.equal(await observe('a', 11), true)
  assert.equal(await observe('b', 30), true)
  assert.equal(await observe('a', 5), true, 'the other one still lags')
  assert.equal(await observe('b', 6), true, 'not on and off with every frame')
  const before = view.nextOffset
  assert.equal(await observe('b', 200), true)
  assert.equal(view.nextOffset, before, 'it is said once')
  assert.equal(await observe('b', 5), false)
  await follower.stop()
})
