/**
 * Copies of one application, each as on a machine of its own: they share the work. One that stood still while the others
 * took over its share is fenced: nothing that it still does shows in the output, and it takes part again when it has
 * noticed.
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { JobProcess } from '../support/job-process.ts'
import { freePort } from '../support/ports.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { metricsOf } from './metrics-of.ts'
import { FAULTY_ACK_PROGRAM, Scene, type SceneOptions, type StartOptions } from './scene.ts'

const PART = 3_000
const SESSION_TIMEOUT = '3s'

describe('copies of an application', { concurrency: false }, () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka({ config: { 'group.min.session.timeout.ms': '1000' } })
  })
  after(() => kafka.close())

  function open(name: string, options: SceneOptions['options'] = {}): Promise<Scene> {
    return Scene.open(kafka, { name, options: { 'session-timeout': SESSION_TIMEOUT, ...options } })
  }

  test('share its partitions, and hand them over without a record being processed twice', async () => {
    const scene = await open('sharing')
    try {
      const first = scene.start({ options: { 'metrics-port': await freePort() } })
      await scene.write(PART)
      await scene.committed(first)
      const second = scene.start(copy(scene, 'second', { 'metrics-port': await freePort() }))
      await startedWith(2, first, second)
      await scene.write(2 * PART)
      await scene.committed(first)
      const [one, other] = [await processedBy(first), await processedBy(second)]
      assert.equal(one + other, scene.written.length)
      assert.ok(one > PART && other > 0, `both work: ${one} and ${other}`)
      assert.deepEqual(await first.kill('SIGTERM'), { exitCode: 0, signal: null }, first.tail())
      await startedWith(1, second)
      await scene.write(PART)
      await scene.committed(second)
      assert.equal(one + (await processedBy(second)), scene.written.length)
      await scene.finish(second)
    } finally {
      await scene.close()
    }
  })

  test('fence one that was stopped in the middle of its work, and take it back when it wakes up', async () => {
    const scene = await open('zombie')
    try {
      const zombie = scene.start()
      await scene.write(PART)
      await zombie.event('checkpoint-completed')
      const writing = scene.write(5 * PART)
      process.kill(zombie.pid, 'SIGSTOP')
      await writing
      const second = scene.start(copy(scene, 'second'))
      await scene.committed(second)
      await scene.write(PART)
      await wake(zombie, second)
      await scene.write(PART)
      await scene.finish(second, zombie)
    } finally {
      await scene.close()
    }
  })

  test('fence one whose connections have died while it was stopped', async () => {
    const scene = await open('zombie-cut-off')
    try {
      const zombie = scene.start()
      await scene.write(PART)
      await scene.committed(zombie)
      const writing = scene.write(20 * PART)
      await sleep(100)
      process.kill(zombie.pid, 'SIGSTOP')
      await writing
      const second = scene.start(copy(scene, 'second'))
      await scene.committed(second)
      await kafka.restart('SIGKILL')
      await wake(zombie, second)
      await scene.write(PART)
      await scene.finish(second, zombie)
    } finally {
      await scene.close()
    }
  })

  test('come and go while one stands still in the middle of a checkpoint', async () => {
    const scene = await open('zombie-prepared')
    try {
      const zombie = await stopped(scene)
      const second = scene.start(copy(scene, 'second'))
      await second.event('checkpoint-completed')
      await scene.write(PART)
      await second.kill('SIGKILL')
      const third = scene.start(copy(scene, 'second'))
      await scene.committed(third)
      await wake(zombie, third)
      await scene.write(PART)
      await scene.finish(third, zombie)
    } finally {
      await scene.close()
    }
  })

  // Without transactions nothing but the epoch of a record tells a zombie that a checkpoint is not its own.
  test('complete checkpoints that a stopped one must not take for its own: its local state stays that of its own last one', async () => {
    const scene = await open('zombie-state', { delivery: 'at-least-once', 'checkpoints-retained': 1000 })
    try {
      const zombie = await stopped(scene)
      await scene.write(PART)
      const second = scene.start(copy(scene, 'second'))
      await scene.committed(second)
      await wake(zombie, second)
      assert.deepEqual(await second.kill('SIGTERM'), { exitCode: 0, signal: null }, second.tail())
      await scene.write(PART)
      await scene.committed(zombie)
      assert.deepEqual(await zombie.kill('SIGTERM'), { exitCode: 0, signal: null }, zombie.tail())
      const { missing, wrong, example } = await scene.verdict()
      assert.deepEqual({ missing, wrong }, { missing: 0, wrong: 0 }, example ?? '')
    } finally {
      await scene.close()
    }
  })
})

/** A copy on another machine: with a state directory of its own. */
function copy(scene: Scene, name: string, options: Readonly<Record<string, string | number>> = {}): StartOptions {
  return { options: { 'state-directory': `${scene.folder}/${name}`, ...options } }
}

/** All of them have begun the same epoch, of so many workers. */
async function startedWith(workers: number, ...jobs: JobProcess[]): Promise<void> {
  for (const job of jobs) await job.line(({ event, ...line }) => event === 'started' && line.workers === workers)
}

/** The zombie goes on, thinks that it is in charge, learns better, and begins an epoch together with the other one. */
async function wake(zombie: JobProcess, other: JobProcess): Promise<void> {
  const epochs = (job: JobProcess) => job.lines.filter(({ event }) => event === 'started').map(({ epoch }) => Number(epoch))
  const before = epochs(other).at(-1) ?? 0
  process.kill(zombie.pid, 'SIGCONT')
  await zombie.line(({ event, epoch }) => event === 'started' && Number(epoch) > before)
  await other.line(({ event, epoch }) => event === 'started' && Number(epoch) > before)
}

async function processedBy(job: JobProcess): Promise<number> {
  return (await metricsOf(job)).get('millrace_records_total{source="payments"}') ?? 0
}

/** A copy that has stopped itself before the ack of the second checkpoint that holds anything. */
async function stopped(scene: Scene): Promise<JobProcess> {
  const job = scene.start({ program: FAULTY_ACK_PROGRAM, env: { FAULT_AT: '2', FAULT_SIGNAL: 'SIGSTOP' } })
  await scene.write(PART)
  await scene.committed(job)
  await scene.write(PART)
  while (!(await isStopped(job.pid))) await sleep(20)
  return job
}

async function isStopped(pid: number): Promise<boolean> {
  // The state stands behind the name, which is in brackets and may hold anything (proc(5)).
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T')
}
