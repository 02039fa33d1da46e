/** `millrace plan` and the interval that adapts itself, on jobs that run. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ShownStatus } from '../../src/cli/status/status-command.ts'
import type { Plan } from '../../src/planning/plan.ts'
import type { PlanSettings } from '../../src/planning/plan-settings.ts'
import { metricsOf } from '../faults/metrics-of.ts'
import { Scene } from '../faults/scene.ts'
import { jobEnvironment } from '../support/job-environment.ts'
import type { JobProcess } from '../support/job-process.ts'
import { freePort } from '../support/ports.ts'
import { mustRun } from '../support/run-command.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'

const KEYS = 2_000
const CHECKPOINTS = 8

type PlanAnswer = Plan & { readonly settings: PlanSettings }

async function plan(...args: string[]): Promise<PlanAnswer> {
  const command = ['--conditions=millrace-source', 'src/main.ts', 'plan', ...args]
  return JSON.parse((await mustRun(process.execPath, command, { env: jobEnvironment() })).stdout)
}

async function status(...args: string[]): Promise<ShownStatus> {
  const command = ['--conditions=millrace-source', 'src/main.ts', 'status', ...args]
  return JSON.parse((await mustRun(process.execPath, command, { env: jobEnvironment() })).stdout)
}

async function writeWhile(scene: Scene, job: JobProcess, isGoingOn: () => boolean | Promise<boolean>): Promise<void> {
  while (await isGoingOn()) {
    assert.ok(!job.hasEnded, job.tail())
    await scene.write(500)
    await job.moved(100)
  }
}

describe('planning', { concurrency: false }, () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.close())

  test('the plan of a running job, and that of its checkpoints, know its state, its rates and its interval', async () => {
    const options = { 'checkpoint-interval': '500ms', 'checkpoints-retained': 5, 'recovery-target': '1s' }
    const scene = await Scene.open(kafka, { name: 'planned', keys: KEYS, options })
    try {
      const job = scene.start({ options: { 'metrics-port': await freePort() } })
      await job.event('started')
      await writeWhile(scene, job, async () => {
        // What the job could do is known once it has done something for a while: on a quick machine later.
        const isMeasured = Number.isFinite((await metricsOf(job)).get('millrace_job_capacity_records_per_second'))
        return job.count('checkpoint-completed') < CHECKPOINTS || !isMeasured
      })
      const { url } = await job.event('metrics-listening')
      const live = await plan('--metrics', String(url), '--price-gb-month', '0.023')
      assert.ok(live.figures.entries > KEYS / 2 && live.figures.entries <= KEYS, `${live.figures.entries} entries`)
      assert.ok(live.figures.entryBytes > 4 && live.figures.entryBytes < 200, `${live.figures.entryBytes} bytes`)
      assert.equal(live.settings.intervalMs, 500)
      for (const name of ['entries', 'inputPerSecond', 'capacityPerSecond', 'overheadMs', 'storageFactor'] as const) {
        assert.equal(live.sources[name], 'measured', name)
      }
      assert.ok(live.figures.inputPerSecond > 100, `${live.figures.inputPerSecond} records/s`)
      assert.ok(live.figures.capacityPerSecond > live.figures.inputPerSecond)
      assert.ok(live.retention.moneyPerDay !== null)
      // The same in the status, with what else the copy tells and what the checkpoint holds.
      const where = ['--brokers', kafka.bootstrap, '--checkpoints', `file://${scene.checkpoints}`, '--metrics', String(url)]
      const { stored: holds, live: tells } = await status('planned', ...where)
      assert.ok(holds !== null && 'liveEntries' in holds && holds.liveEntries > KEYS / 2, JSON.stringify(holds))
      assert.ok(holds.storageFactor! >= 1 && holds.restoreFactor! >= 1)
      assert.ok(tells?.plan && tells.plan.fullBytes > 0 && tells.plan.storageFactor! >= 1, JSON.stringify(tells))
      assert.equal(tells.plan.intervalMs, 500)
      assert.ok(tells.plan.recoveryMeanMs! > 10_000)
      const [copy] = tells.copies
      assert.ok(copy !== undefined && 'workers' in copy && copy.state === 'running', JSON.stringify(copy))
      assert.deepEqual([copy.memory, copy.workers.length], [null, 1])
      // A session timeout of 10 s alone is beyond a target of 1 s: the job itself says so.
      const { warning } = await job.event('plan-warning')
      assert.equal(warning, 'recovery-above-target')
      await scene.finish(job)
      const stored = await plan('planned', '--checkpoints', `file://${scene.checkpoints}`)
      assert.ok(stored.figures.entries > KEYS / 2 && stored.figures.entries <= KEYS, `${stored.figures.entries} entries`)
      assert.equal(stored.sources.inputPerSecond, 'measured')
      assert.ok(stored.settings.intervalMs > 200 && stored.settings.intervalMs < 5_000, `${stored.settings.intervalMs} ms`)
    } finally {
      await scene.close()
    }
  })

  test('an interval that adapts itself shortens where checkpoints take little of it, down to its bound', async () => {
    const options = { 'checkpoint-interval': '2s', 'checkpoint-interval-min': '1s', 'checkpoint-interval-max': '4s' }
    const scene = await Scene.open(kafka, { name: 'adapting', options })
    try {
      const job = scene.start({ options: { 'metrics-port': await freePort() } })
      await job.event('started')
      const interval = async () => (await metricsOf(job)).get('millrace_checkpoint_interval_seconds')
      assert.equal(await interval(), 2)
      await writeWhile(scene, job, () => job.count('checkpoint-interval-changed') === 0)
      const changed = await job.event('checkpoint-interval-changed')
      assert.deepEqual({ intervalMs: changed.intervalMs, reason: changed.reason }, { intervalMs: 1_600, reason: 'idle' })
      assert.equal(await interval(), 1.6)
      await scene.finish(job)
    } finally {
      await scene.close()
    }
  })
})
