/** A memory budget of a process with two workers: shares follow the load from one to the other. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { metricsOf } from '../faults/metrics-of.ts'
import { Scene } from '../faults/scene.ts'
import { freePort } from '../support/ports.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'

const MIB = 2 ** 20
const LEAST = { cache: 4 * MIB, overlay: 8 * MIB, fetch: 2 * MIB }
const USES = ['cache', 'overlay', 'fetch'] as const
/** Records of each partition in a write, to keep one of the workers busy for a good part of a round. */
const PART = 10_000

let kafka: KafkaServer
before(async () => {
  kafka = await startKafka()
})
after(() => kafka?.close())

test('shares go to the worker that is loaded, and to the other one when the load moves', async (t) => {
  // State changes fill up long before a checkpoint is due, so more room for them is worth much.
  const options = { workers: 2, 'memory-budget': '520MiB', 'checkpoint-interval': '30s' }
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
    /** Loads one half of the partitions until their worker has clearly more; that worker. */
    const load = async (partitions: readonly number[]): Promise<number> => {
      const before = await look()
      for (;;) {
        assert.ok(!job.hasEnded, job.tail())
        await scene.writeTo(partitions, PART)
        const now = await look()
        assert.ok(now[0]!.bytes + now[1]!.bytes <= now[0]!.sum && now[0]!.sum < 520 * MIB)
        const worker = now[0]!.processed - before[0]!.processed > now[1]!.processed - before[1]!.processed ? 0 : 1
        if (now[worker]!.bytes > 1.3 * now[1 - worker]!.bytes) {
          t.diagnostic(`worker ${worker}: ${now.map(({ bytes }) => (bytes / MIB).toFixed(0)).join(', ')} MiB`)
          return worker
        }
      }
    }
    const [first, second] = await scene.partitionsByWorker(job)
    const loaded = await load(first)
    assert.equal(await load(second), 1 - loaded)
    await scene.finish(job)
  } finally {
    await scene.close()
  }
})
