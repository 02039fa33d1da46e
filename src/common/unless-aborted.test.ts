import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { unlessAborted } from './unless-aborted.ts'

test('an operation that hangs ends for its caller when it is aborted', async () => {
  const abort = new AbortController()
  const hanging = unlessAborted(abort.signal, () => new Promise(() => {}))
  abort.abort(new Error('too late'))
  await assert.rejects(hanging, /too late/)
})

test('one that is aborted already does not begin', async () => {
  let isBegun = false
  const run = async () => {
    isBegun = true
  }
  await assert.rejects(unlessAborted(AbortSignal.abort(new Error('too late')), run), /too late/)
  assert.equal(isBegun, false)
})

test('one that fails after its abort disturbs nobody', async () => {
  const abort = new AbortController()
  const failing = unlessAborted(abort.signal, () => sleep(5).then(() => assert.fail('nobody listens')))
  abort.abort(new Error('too late'))
  await assert.rejects(failing, /too late/)
  await sleep(10)
})

test('a signal that outlives its operations gathers no listeners', async () => {
  const { signal } = new AbortController()
  assert.equal(await unlessAborted(signal, async () => 'done'), 'done')
  await assert.rejects(
    unlessAborted(signal, () => Promise.reject(new Error('failed'))),
    /failed/,
  )
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})
