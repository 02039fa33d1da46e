/**
 * Three workers, each task's state copied to one other: one is killed, and the others take over its tasks without reading
 * the state again. MILLRACE_ITEST_STANDBY_KEYS says how many keys there are.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { metricsOf } from '../faults/metrics-of.ts'
import { Scene } from '../faults/scene.ts'
import type { JobProcess } from '../support/job-process.ts'
import { freePort } from '../support/ports.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'

const KEYS = Number(process.env.MILLRACE_ITEST_STANDBY_KEYS ?? 1_000_000)
const PART = 50_000
/** Of the state of the tasks taken over. */
const MOST_FETCHED_SHARE = 0.05
const PATIENCE_MS = 90_000

describe('standby copies', { concurrency: false }, () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka({ config: { 'group.min.session.timeout.ms': '1000' } })
  })
  after(() => kafka.close())

  test('of what a killed worker ran make its tasks go on without a restore; the output is exact', {
    timeout: 260_000,
  }, async () => {
    const options = {
      'standby-replicas': 1,
      'checkpoint-interval': '1s',
      'session-timeout': '3s',
      'heartbeat-interval': '200ms',
    }
    const scene = await Scene.open(kafka, { name: 'standby', keys: KEYS, options })
    try {
      const jobs: JobProcess[] = []
      for (let i = 0; i < 3; i++) jobs.push(scene.start({ options: { 'metrics-port': await freePort() } }))
      const [killed, ...left] = jobs as [JobProcess, JobProcess, JobProcess]
      await Promise.all(jobs.map((job) => job.line(({ event, workers }) => event === 'started' && workers === 3)))
      for (let written = 0; written < KEYS; written += PART) await scene.write(Math.min(PART, KEYS - written))
      await scene.committed(killed, PATIENCE_MS)
      await followed(jobs)

      const state = newestMetadata(scene.checkpoints, jobs)
      const tookOver = left.map((job) => job.count('restored'))
      await killed.kill()
      await scene.write(PART / 10)
      const restored = await Promise.all(
        left.map((job, i) => job.line((line) => line.event === 'restored' && job.count('restored') > (tookOver[i] ?? 0))),
      )
      assert.equal(restored.length, 2)
      // Of all restores behind the kill: there may be more than one.
      let fetched = 0
      for (const [i, job] of left.entries()) {
        const lines = job.lines.filter(({ event }) => event === 'restored').slice(tookOver[i])
        for (const { fetchedBytes, tasks, tasksFromLocal } of lines) {
          fetched += Number(fetchedBytes)
          assert.equal(tasksFromLocal, tasks, job.tail())
        }
      }
      const share = fetched / (state.totalBytes / 3)
      assert.ok(share < MOST_FETCHED_SHARE, `${fetched} bytes were fetched; the state has ${state.totalBytes}`)
      await scene.finish(...left)
    } finally {
      await scene.close()
    }
  })
})

/** Until every copy is the last checkpoint, or the one before: what comes next is under way already. */
async function followed(jobs: readonly JobProcess[]): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const all = await Promise.all(jobs.map(metricsOf))
    const value = (name: string) => all.map((metrics) => metrics.get(name) ?? Number.NaN)
    const isWhole = value('millrace_standby_checkpoint').every((at) => at > 0)
    if (isWhole && value('millrace_standby_lag_checkpoints').every((lag) => lag <= 1)) {
      assert.ok(value('millrace_standby_tasks').reduce((sum, tasks) => sum + tasks, 0) === 4, 'each task has one copy')
      return
    }
    const lag = `${value('millrace_standby_lag_checkpoints')} checkpoints, ${value('millrace_standby_lag_bytes')} bytes`
    assert.ok(performance.now() < deadline, `the copies lag by ${lag}`)
    await sleep(200)
  }
}

function newestMetadata(root: string, jobs: readonly JobProcess[]): { readonly totalBytes: number } {
  const paths = jobs.flatMap((job) => job.lines.filter(({ event }) => event === 'checkpoint-completed').map(({ path }) => path))
  return JSON.parse(readFileSync(`${root}/${paths.map(String).sort().at(-1)}`, 'utf8'))
}
