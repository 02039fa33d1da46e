/** A memory budget on a job that runs: the shares are told, and the process stays in the order of its budget. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { metricsOf } from '../faults/metrics-of.ts'
import { Scene } from '../faults/scene.ts'
import { freePort } from '../support/ports.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'

const MIB = 2 ** 20
const BUDGET_MIB = 288
/** Far more than the caches of that budget hold. */
const KEYS = 400_000
const RECORDS = 600_000
const PART = 20_000
/** Resident memory follows late, and in steps: 1.04 to 1.18 of the budget on machines with other work to do. */
const ORDER = 1.4

describe('a memory budget', { concurrency: false }, () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.close())

  test('bounds caches, state changes and fetching of a job whose state is larger, and the output stays exact', async (t) => {
    const options = { 'checkpoint-interval': '1s', 'memory-budget': `${BUDGET_MIB}MiB` }
    const scene = await Scene.open(kafka, { name: 'budgeted', keys: KEYS, options })
    try {
      const job = scene.start({ options: { 'metrics-port': await freePort() } })
      await job.event('started')
      let largest = 0
      let entries = 0
      const look = async () => {
        const metrics = await metricsOf(job)
        const value = (name: string) => metrics.get(name) ?? Number.NaN
        largest = Math.max(largest, value('process_resident_memory_bytes'))
        entries = Math.max(entries, value('millrace_state_cached_entries'))
        const [cache, overlay, fetch] = ['cache', 'overlay', 'fetch'].map((use) =>
          value(`millrace_memory_share_bytes{use="${use}"}`),
        )
        assert.ok(cache! >= 4 * MIB && overlay! >= 8 * MIB && fetch! >= 2 * MIB)
        assert.ok(cache! + overlay! + fetch! < BUDGET_MIB * MIB)
        assert.equal(value('millrace_memory_budget_bytes'), BUDGET_MIB * MIB)
        // Between two batches a cut's entries may be pinned beyond it.
        assert.ok(value('millrace_state_cache_bytes') <= 1.5 * (cache! + overlay!))
      }
      for (let written = 0; written < RECORDS; written += PART) {
        await scene.write(PART)
        await look()
      }
      await scene.committed(job)
      await look()
      t.diagnostic(
        `resident: ${(largest / MIB).toFixed(0)} MiB of a budget of ${BUDGET_MIB}; entries on the heap: ${entries} of ${KEYS}`,
      )
      assert.ok(largest <= ORDER * BUDGET_MIB * MIB, `${(largest / MIB).toFixed(0)} MiB`)
      assert.ok(entries < KEYS, 'the budget is too small for all entries')
      await scene.finish(job)
    } finally {
      await scene.close()
    }
  })

  test('is shared by the workers of a process', async () => {
    const options = { workers: 2, 'memory-budget': '640MiB' }
    const scene = await Scene.open(kafka, { name: 'shared-budget', options })
    try {
      const job = scene.start({ options: { 'metrics-port': await freePort() } })
      await job.event('started')
      await scene.write(PART)
      await scene.committed(job)
      const metrics = await metricsOf(job)
      const shareOf = (worker: number) =>
        ['cache', 'overlay', 'fetch'].map(
          (use) => metrics.get(`millrace_memory_share_bytes{use="${use}",worker="${worker}"}`) ?? NaN,
        )
      const sum = [...shareOf(0), ...shareOf(1)].reduce((a, b) => a + b)
      for (const [cache, overlay, fetch] of [shareOf(0), shareOf(1)]) {
        assert.ok(cache! >= 4 * MIB && overlay! >= 8 * MIB && fetch! >= 2 * MIB)
      }
      assert.ok(sum > 28 * MIB && sum < 320 * MIB, `${sum / MIB} MiB are shared out`)
      assert.ok(sum <= metrics.get('millrace_memory_shared_bytes{worker="0"}')!)
      await scene.finish(job)
    } finally {
      await scene.close()
    }
  })

  test('and shares by hand are refused', async () => {
    const scene = await Scene.open(kafka, { name: 'refused-shares' })
    try {
      const job = scene.start({ options: { 'memory-budget': '512MiB', 'overlay-bytes': '16MiB' } })
      assert.equal((await job.end()).exitCode, 2)
      assert.match(job.tail(), /MR_CONFIG_CONFLICT: both --memory-budget and --overlay-bytes are set/)
    } finally {
      await scene.close()
    }
  })
})
