import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cleanup } from './cleanup.ts'

test('cleaning up goes backwards, once, past what fails', async () => {
  const done: string[] = []
  const cleanup = new Cleanup()
  cleanup.add('closing the first', async () => done.push('first'))
  cleanup.add('closing the second', async () => {
    throw new Error('it is stuck')
  })
  cleanup.add('closing the third', async () => done.push('third'))
  assert.deepEqual(await cleanup.run(), ['closing the second failed: it is stuck'])
  assert.deepEqual(await cleanup.run(), [])
  assert.deepEqual(done, ['third', 'first'])
})
