import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Progress } from './progress.ts'

const LONG_MS = 60_000
const SHORT_MS = 20

describe('progress', () => {
  test('resolves when the number is reached or passed, and at once when it was', async () => {
    const progress = new Progress()
    const reached = progress.reaches(10, LONG_MS)
    progress.set(9)
    progress.set(11)
    assert.equal(await reached, true)
    assert.equal(await progress.reaches(11, LONG_MS), true)
  })

  test('gives up when the number stands still for too long', async () => {
    const progress = new Progress()
    progress.set(1)
    assert.equal(await progress.reaches(2, SHORT_MS), false)
  })
})
