import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { MillraceError } from '../../common/errors.ts'
import { ABORT_REASONS, abortReasonOf } from './abort-reason.ts'

test('the docs tell each reason and what it means', async () => {
  const text = await readFile(new URL('../../../docs/jobs.md', import.meta.url), 'utf8')
  for (const [reason, meaning] of Object.entries(ABORT_REASONS))
    assert.ok(text.includes(`| \`${reason}\` | ${meaning} |`), reason)
})

test('what the storage answers has a reason of its own; what is not known is declined', () => {
  assert.equal(abortReasonOf(new MillraceError('MR_STORAGE_FULL', '')), 'storage-full')
  assert.equal(abortReasonOf(new MillraceError('MR_STORAGE_SLOW', '')), 'storage-unavailable')
  assert.equal(abortReasonOf(new MillraceError('MR_STORAGE_NO_BUCKET', '')), 'storage-denied')
  assert.equal(abortReasonOf(new MillraceError('MR_USER_CODE_FAILED', '')), 'declined')
  assert.equal(abortReasonOf(new Error('no')), 'declined')
})
