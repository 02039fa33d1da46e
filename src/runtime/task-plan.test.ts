import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupMember } from '../ports/group-membership.ts'
import { assignmentOf } from './task-plan.ts'

const member = (worker: string, graphDigest: string): GroupMember => {
  return { worker, graphDigest, memberId: `m-${worker}`, joinNonce: '', localState: {} }
}

test('members with another graph get no tasks, and no part in checkpoints', () => {
  const plan = { sources: new Map(), exchanges: [], tasks: ['in/0', 'in/1', 'in/2'] }
  const assignment = assignmentOf(plan, [member('a', 'new'), member('b', 'old'), member('c', 'new')], 'new')
  assert.deepEqual(Object.keys(assignment).sort(), ['a', 'c'])
  assert.deepEqual(Object.values(assignment).flat().sort(), ['in/0', 'in/1', 'in/2'])
})
