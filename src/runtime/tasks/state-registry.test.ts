import assert from 'node:assert/strict'
import { test } from 'node:test'
import { count } from '../../api/aggregates.ts'
import { defineJob, type JobDefinition } from '../../api/define-job.ts'
import { numberKeys } from '../../api/number-keys.ts'
import { MemorySink } from '../../testing/memory-sink.ts'
import { MemorySource } from '../../testing/memory-source.ts'
import { registerStates } from './state-registry.ts'

interface Order {
  readonly customer: string
  readonly region: number
}

const byRecordKey = defineJob('orders', (job) => {
  job
    .source('orders', new MemorySource<Order>([[]]))
    .keyByRecordKey()
    .aggregate('totals', { orders: count() })
    .sink('out', new MemorySink())
})
const byCustomer = defineJob('orders', (job) => {
  job
    .source('orders', new MemorySource<Order>([[]]))
    .keyBy((order) => order.customer, { name: 'again' })
    .aggregate('totals', { orders: count() })
    .sink('out', new MemorySink())
})
const byRegion = defineJob('orders', (job) => {
  job
    .source('orders', new MemorySource<Order>([[]]))
    .keyBy((order) => order.region, { name: 'again', key: numberKeys })
    .aggregate('totals', { orders: count() })
    .sink('out', new MemorySink())
})

const storedBy = ({ graph }: JobDefinition) => ({ checkpoint: 7, states: registerStates(graph, null).descriptions() })

test('state keeps its id over a restart of the same job', () => {
  const stored = storedBy(byCustomer)
  assert.deepEqual(registerStates(byCustomer.graph, stored).descriptions(), stored.states)
})

test('state of other keys is refused: it would never be found', () => {
  assert.throws(() => registerStates(byRegion.graph, storedBy(byCustomer)), {
    code: 'MR_STATE_INCOMPATIBLE',
    message: /totals\/accumulator is kept by keys of codec string in the checkpoint and of codec number in the job/,
  })
  assert.throws(() => registerStates(byCustomer.graph, storedBy(byRecordKey)), {
    code: 'MR_STATE_INCOMPATIBLE',
    message: /totals\/accumulator lies behind orders in the checkpoint and behind again in the job/,
  })
})

test('what an earlier release has stored says nothing of its keys, and is taken', () => {
  const { checkpoint, states } = storedBy(byCustomer)
  const older = states.map(({ keys: _keys, stage: _stage, ttl: _ttl, ...rest }) => rest)
  assert.doesNotThrow(() => registerStates(byRegion.graph, { checkpoint, states: older }))
})
