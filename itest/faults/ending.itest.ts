/** What a job tells while it runs, how it ends when it is asked to, and what is known of it then. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CheckpointMetadata } from '../../src/checkpoint/metadata.ts'
import { jobEnvironment } from '../support/job-environment.ts'
import type { JobProcess } from '../support/job-process.ts'
import { freePort } from '../support/ports.ts'
import { runCommand } from '../support/run-command.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { get, metricsOf } from './metrics-of.ts'
import { Scene } from './scene.ts'

const PART = 5_000

describe('a job that is asked to end', { concurrency: 2 }, () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.close())

  test('takes a last checkpoint under load and ends with 0; the next start replays nothing', async () => {
    const scene = await Scene.open(kafka, { name: 'ending', options: { 'checkpoint-interval': '30s' } })
    try {
      const first = scene.start()
      await first.event('started')
      const writing = writeUntilEnded(scene, first)
      await sleep(300)
      assert.deepEqual(await first.kill('SIGTERM'), { exitCode: 0, signal: null }, first.tail())
      await writing
      await scene.write(PART)
      assert.equal(first.lines.filter(({ kind }) => kind === 'final').length, 1, first.tail())
      const done = (await scene.positions()).reduce((sum, position) => sum + Math.max(0, position), 0)
      assert.ok(done > 0 && done < scene.written.length, `it ended in the middle: ${done}`)

      const second = scene.start({ options: { 'checkpoint-interval': '200ms', 'metrics-port': await freePort() } })
      await scene.write(PART)
      await scene.committed(second)
      const processed = (await metricsOf(second)).get('millrace_records_total{source="payments"}')
      assert.equal(processed, scene.written.length - done)
      await scene.finish(second)
    } finally {
      await scene.close()
    }
  })

  test('while it is still starting ends with 0, too', async () => {
    const scene = await Scene.open(kafka, { name: 'ending-early' })
    try {
      await scene.write(PART)
      const first = scene.start()
      await first.event('job-starting')
      assert.deepEqual(await first.kill('SIGTERM'), { exitCode: 0, signal: null }, first.tail())
      await scene.finish(scene.start())
    } finally {
      await scene.close()
    }
  })

  test('has told its health and its metrics until then, and its checkpoints can be listed', async () => {
    const scene = await Scene.open(kafka, { name: 'observed' })
    try {
      const job = scene.start({ options: { 'metrics-port': await freePort() } })
      await scene.write(PART)
      await scene.committed(job)
      const [health, ready] = [await get(job, '/healthz'), await get(job, '/readyz')]
      assert.deepEqual([health.status, ready.status], [200, 200])
      const report = (await health.json()) as { state: string; applicationId: string; lastCheckpoint: { checkpoint: number } }
      assert.equal(report.state, 'running')
      assert.equal(report.applicationId, scene.name)
      assert.ok(report.lastCheckpoint.checkpoint >= 1)

      const metrics = await metricsOf(job)
      assert.equal(metrics.get('millrace_records_total{source="payments"}'), PART)
      assert.equal(metrics.get('millrace_source_lag_records{source="payments"}'), 0)
      assert.ok((metrics.get('millrace_checkpoints_completed_total') ?? 0) >= 1)
      assert.equal(metrics.get('millrace_checkpoints_aborted_total'), 0)
      await scene.finish(job)

      const last = job.lines.filter(({ event }) => event === 'checkpoint-completed').at(-1)
      const listed = (await checkpoints(scene, 'list')) as { checkpoint: number; kind: string; path: string }[]
      assert.ok(listed.length <= 4, 'three are retained by default, and one may be on its way out')
      assert.deepEqual([listed.at(-1)?.checkpoint, listed.at(-1)?.kind], [last?.checkpoint, 'final'])
      const shown = (await checkpoints(scene, 'show')) as CheckpointMetadata
      assert.equal(shown.checkpoint, last?.checkpoint)
      const { positions } = shown.sources.payments ?? { positions: {} }
      assert.deepEqual(Object.values(positions), await scene.ends(scene.inTopic))
    } finally {
      await scene.close()
    }
  })

  async function writeUntilEnded(scene: Scene, job: JobProcess): Promise<void> {
    while (!job.hasEnded) await scene.write(PART / 5)
  }

  async function checkpoints(scene: Scene, action: 'list' | 'show'): Promise<unknown> {
    const { stdout, stderr, exitCode } = await runCommand(
      process.execPath,
      [
        '--conditions=millrace-source',
        'src/main.ts',
        'checkpoints',
        action,
        `--checkpoints=file://${scene.checkpoints}`,
        '--json',
      ],
      { env: jobEnvironment() },
    )
    assert.equal(exitCode, 0, stderr)
    return JSON.parse(stdout)
  }
})
