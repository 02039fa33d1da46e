/** A memory budget of a process with two workers: shares follow the load from one to the other. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { murmur2Latin1, partitionForKey } from '../../src/common/murmur2.ts'
import { metricsOf } from '../faults/metrics-of.ts'
import { PARTITIONS, Scene } from '../faults/scene.ts'
import { freePort } from '../support/ports.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'

const MIB = 2 ** 20
const LEAST = { cache: 4 * MIB, overlay: 8 * MIB, fetch: 2 * MIB }
const USES = ['cache', 'overlay', 'fetch'] as const
const BUDGET = 640 * MIB
/** Records of a write. */
const PART = 20_000

let kafka: KafkaServer
before(async () => {
  kafka = await startKafka()
})
after(() => kafka?.close())

test('shares go to the worker that is loaded, and to the other one when the load moves', async (t) => {
  // State changes fill up long before a checkpoint is due, so more room for them is worth much.
  const options = { workers: 2, 'memory-budget': BUDGET, 'checkpoint-interval': '30s' }
  const scene = await Scene.open(kafka, { name: 'moving-memory', keys: 2_000_000, options })
  try {
    const job = scene.start({ options: { 'metrics-port': await freePort() } })
    await job.line(({ event, workers }) => event === 'started' && workers === 2)
    const look = async () => {
      const metrics = await metricsOf(job)
      const value = (name: string, worker: number, labels = '') => metrics.get(`${name}{${labels}worker="${worker}"}`) ?? NaN
      return [0, 1].map((worker) => {
        const shares = USES.map((use) => value('millrace_memory_share_bytes', worker, `use="${use}",`))
        for (const [i, use] of USES.entries()) assert.ok(shares[i]! >= LEAST[use], `${use} of worker ${worker}: ${shares[i]}`)
        return {
          bytes: shares.reduce((a, b) => a + b),
          sum: value('millrace_memory_shared_bytes', worker),
          processed: value('millrace_records_total', worker, 'source="payments",'),
        }
      })
    }
    const begun = await look()
    assert.equal(begun[0]!.bytes, begun[1]!.bytes)
    const isIn = (partitions: readonly number[]) => (payment: { readonly key: string }) =>
      partitions.includes(partitionForKey(murmur2Latin1(payment.key), PARTITIONS))
    /** Who reads a partition: seen by who counts what is written to it. */
    const readerOf = async (partition: number): Promise<number> => {
      const before = await look()
      await scene.write(10, isIn([partition]))
      for (;;) {
        const now = await look()
        const reader = now.findIndex(({ processed }, worker) => processed > before[worker]!.processed)
        if (reader >= 0) return reader
        assert.ok(!job.hasEnded, job.tail())
        await job.moved(50)
      }
    }
    const partitions: [number[], number[]] = [[], []]
    for (let partition = 0; partition < PARTITIONS; partition++) partitions[await readerOf(partition)]!.push(partition)
    /** Until the worker that is loaded has clearly more. */
    const load = async (worker: number): Promise<void> => {
      for (;;) {
        const before = await look()
        await scene.write(PART, isIn(partitions[worker]!))
        let now = await look()
        // What lies unread would keep it loaded when the load moves.
        while (now[worker]!.processed < before[worker]!.processed + PART) {
          assert.ok(!job.hasEnded, job.tail())
          await job.moved(50)
          now = await look()
        }
        assert.ok(now[0]!.bytes + now[1]!.bytes <= now[0]!.sum && now[0]!.sum < BUDGET)
        if (now[worker]!.bytes < 1.2 * now[1 - worker]!.bytes) continue
        t.diagnostic(`worker ${worker} is loaded: ${now.map(({ bytes }) => (bytes / MIB).toFixed(0)).join(' and ')} MiB`)
        return
      }
    }
    await load(0)
    await load(1)
    await scene.finish(job)
  } finally {
    await scene.close()
  }
})
