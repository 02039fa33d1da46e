import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineJob } from '../api/define-job.ts'
import { valueState } from '../api/state.ts'
import { planStages } from '../graph/stages.ts'
import type { ConnectorContext } from '../ports/connector-context.ts'
import type { GroupMember } from '../ports/group-membership.ts'
import { MemorySource } from '../testing/memory-source.ts'
import { assignmentOf, planTasks } from './task-plan.ts'

const member = (worker: string, graphDigest: string): GroupMember => {
  return { worker, graphDigest, memberId: `m-${worker}`, joinNonce: '', localState: {} }
}

test('members with another graph get no tasks, and no part in checkpoints', () => {
  const plan = { sources: new Map(), exchanges: [], tasks: ['in/0', 'in/1', 'in/2'] }
  const members = [member('a', 'new'), member('b', 'old'), member('c', 'new')]
  const { active, standby } = assignmentOf(plan, members, 'new')
  assert.deepEqual(Object.keys(active).sort(), ['a', 'c'])
  assert.deepEqual(Object.values(active).flat().sort(), ['in/0', 'in/1', 'in/2'])
  assert.deepEqual(standby, {})
  const copies = assignmentOf(plan, members, 'new', 1).standby
  assert.deepEqual(copies, { a: active.c, c: active.a })
})

function tasksOf(sourcePartitions: number, exchangePartitions: number | undefined) {
  const source = new MemorySource<string>(Array.from({ length: sourcePartitions }, () => []))
  const { graph } = defineJob('job', (job) => {
    job
      .source('orders', source)
      .keyBy((order) => order)
      .process('count', { state: { seen: valueState(() => 0) }, onRecord: () => [] })
  })
  return planTasks(planStages(graph), null, {} as ConnectorContext, async () => exchangePartitions)
}

test('an exchange has as many partitions as the widest source', async () => {
  const { tasks, exchanges } = await tasksOf(2, undefined)
  assert.deepEqual(exchanges, [{ exchange: 'count-by-key', partitions: 2 }])
  assert.deepEqual(tasks, ['orders/0', 'orders/1', 'count-by-key/0', 'count-by-key/1'])
})

test('one that was made before partitions were added, and before the first checkpoint, keeps as many as it has', async () => {
  const { tasks, exchanges } = await tasksOf(3, 2)
  assert.deepEqual(exchanges, [{ exchange: 'count-by-key', partitions: 2 }])
  assert.deepEqual(tasks, ['orders/0', 'orders/1', 'orders/2', 'count-by-key/0', 'count-by-key/1'])
})
