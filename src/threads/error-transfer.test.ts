import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMillraceError, MillraceError } from '../common/errors.ts'
import { receiveError, transferError } from './error-transfer.ts'

/** As a message does it. */
function sent(error: Error): Error {
  return receiveError(structuredClone(transferError(error)))
}

test('an error of ours arrives as one: class, code, remedy, details, stack and causes', () => {
  const cause = Object.assign(new TypeError('not a function'), { code: 'ERR_USER' })
  const error = new MillraceError('MR_USER_CODE_FAILED', 'at record 7', {
    cause,
    remedy: 'mend it',
    details: { topic: 'orders', offset: 7 },
  })
  const received = sent(error)
  assert.ok(isMillraceError(received, 'MR_USER_CODE_FAILED'))
  assert.equal(received.message, 'at record 7')
  assert.equal(received.remedy, 'mend it')
  assert.equal(received.dataEffect, error.dataEffect)
  assert.deepEqual(received.details, { topic: 'orders', offset: 7 })
  assert.equal(received.stack, error.stack)
  assert.ok(received.cause instanceof TypeError)
  assert.equal(received.cause.message, 'not a function')
  assert.equal((received.cause as { code?: unknown }).code, 'ERR_USER')
  assert.equal(received.cause.stack, cause.stack)
})

test('an error of any other class keeps its name, and one of another release what people read', () => {
  class QuotaError extends Error {
    override readonly name = 'QuotaError'
  }
  const received = sent(new QuotaError('used up'))
  assert.equal(`${received}`, 'QuotaError: used up')
  assert.ok(!('code' in received))
  const newer = Object.assign(new Error('new'), { code: 'MR_OF_TOMORROW', remedy: 'wait', dataEffect: 'none', details: {} })
  const { code, remedy, dataEffect } = sent(newer) as typeof newer
  assert.deepEqual([code, remedy, dataEffect], ['MR_OF_TOMORROW', 'wait', 'none'])
})

test('details that can not be posted, causes that are no errors, and circles of causes do no harm', () => {
  const error = new MillraceError('MR_USER_CODE_FAILED', 'x', { details: { run: () => {} }, cause: 'a text' })
  const received = sent(error) as MillraceError
  assert.equal(typeof received.details.run, 'string')
  assert.equal((received.cause as Error).message, 'a text')
  const circle = new Error('circle')
  circle.cause = circle
  assert.equal(sent(circle).message, 'circle')
})
