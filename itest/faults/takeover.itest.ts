/**
 * Two copies of one application, of which only the later one may count: the earlier one ends as superseded, whenever it
 * notices, and nothing that it still does shows in the output.
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { JobProcess } from '../support/job-process.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { failsWith } from './failure.ts'
import { FAULTY_ACK_PROGRAM, Scene, type StartOptions } from './scene.ts'

const PART = 3_000

describe('a second copy of a running application', { concurrency: false }, () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.close())

  test('takes over from the first, which ends as superseded', async () => {
    const scene = await Scene.open(kafka, { name: 'takeover' })
    try {
      const first = scene.start()
      await scene.write(PART)
      await first.event('checkpoint-completed')
      const writing = scene.write(10 * PART)
      const second = scene.start(copy(scene, 'second'))
      await failsWith(first, 'MR_SUPERSEDED')
      await writing
      await scene.finish(second)
    } finally {
      await scene.close()
    }
  })

  test('that has committed supersedes one that was stopped and wakes up', async () => {
    const scene = await Scene.open(kafka, { name: 'zombie' })
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
      process.kill(zombie.pid, 'SIGCONT')
      await failsWith(zombie, 'MR_SUPERSEDED')
      await scene.write(PART)
      await scene.finish(second)
    } finally {
      await scene.close()
    }
  })

  test('supersedes one whose connections have died while it was stopped', async () => {
    const scene = await Scene.open(kafka, { name: 'zombie-cut-off' })
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
      process.kill(zombie.pid, 'SIGCONT')
      await failsWith(zombie, 'MR_SUPERSEDED')
      await scene.write(PART)
      await scene.finish(second)
    } finally {
      await scene.close()
    }
  })

  test('is killed and started again while the first one stands still in the middle of a checkpoint', async () => {
    const scene = await Scene.open(kafka, { name: 'zombie-prepared' })
    try {
      const zombie = await stopped(scene)
      const second = scene.start(copy(scene, 'second'))
      await second.event('checkpoint-completed')
      await scene.write(PART)
      await second.kill('SIGKILL')
      const third = scene.start(copy(scene, 'second'))
      await scene.committed(third)
      process.kill(zombie.pid, 'SIGCONT')
      await failsWith(zombie, 'MR_SUPERSEDED')
      await scene.write(PART)
      await scene.finish(third)
    } finally {
      await scene.close()
    }
  })

  // Without transactions nothing but the epoch of a record tells a zombie that a checkpoint is not its own.
  test('completes checkpoints that the first one must not take for its own: its local state stays that of its own last one', async () => {
    const options = { delivery: 'at-least-once', 'checkpoints-retained': 1000 }
    const scene = await Scene.open(kafka, { name: 'zombie-state', options })
    try {
      const zombie = await stopped(scene)
      await scene.write(PART)
      const second = scene.start(copy(scene, 'second'))
      await scene.committed(second)
      process.kill(zombie.pid, 'SIGCONT')
      await failsWith(zombie, 'MR_SUPERSEDED')
      await second.kill('SIGTERM')
      const third = scene.start()
      await scene.write(PART)
      await scene.committed(third)
      await third.kill('SIGTERM')
      const { missing, wrong, example } = await scene.verdict()
      assert.deepEqual({ missing, wrong }, { missing: 0, wrong: 0 }, example ?? '')
    } finally {
      await scene.close()
    }
  })
})

/** A copy on another machine: with a state directory of its own. */
function copy(scene: Scene, name: string): StartOptions {
  return { options: { 'state-directory': `${scene.folder}/${name}` } }
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
