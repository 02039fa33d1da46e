/** A disk for checkpoints that is full, and one that takes no writes any more: a tmpfs, which only root can mount. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { JobProcess } from '../support/job-process.ts'
import { temporaryFolder } from '../support/leftovers.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { failsWith } from './failure.ts'
import { Scene } from './scene.ts'

const PART = 3_000
const DISK_MIB = 8

describe('a disk for checkpoints', { concurrency: false }, () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.close())

  /** A job with its checkpoints on a small disk of their own, which has committed something, in the hands of `play`. */
  async function onSmallDisk(
    context: TestContext,
    name: string,
    options: Readonly<Record<string, string | number>>,
    play: (scene: Scene, job: JobProcess, disk: string) => Promise<void>,
  ): Promise<void> {
    const disk = mountDisk()
    if (typeof disk !== 'string') return context.skip(`no tmpfs can be mounted here: ${disk.error}`)
    const scene = await Scene.open(kafka, { name, options: { checkpoints: `file://${disk}`, ...options } })
    try {
      const job = scene.start()
      await scene.write(PART)
      await scene.committed(job)
      await play(scene, job, disk)
    } finally {
      await scene.close()
      execFileSync('umount', ['--lazy', disk])
    }
  }

  test('that is full makes the job decline checkpoints with MR_STORAGE_FULL; with space again it goes on', async (context) => {
    await onSmallDisk(context, 'full-disk', PATIENT, async (scene, job, disk) => {
      const free = keepFull(disk)
      await scene.write(PART)
      await declined(job, 'MR_STORAGE_FULL')
      await scene.write(PART)
      const completed = job.count('checkpoint-completed')
      free()
      await scene.finish(job)
      assert.ok(job.count('checkpoint-completed') > completed)
    })
  })

  test('that has become read-only makes it decline with MR_STORAGE_DENIED; when it is writable again it goes on', async (context) => {
    await onSmallDisk(context, 'read-only-disk', PATIENT, async (scene, job, disk) => {
      await remount(disk, 'ro')
      await scene.write(PART)
      await declined(job, 'MR_STORAGE_DENIED')
      await scene.write(PART)
      await remount(disk, 'rw')
      await scene.finish(job)
    })
  })

  test('that stays full ends a job that must not restart, refuses its next start, and loses nothing', async (context) => {
    const options = { 'checkpoint-tolerable-failures': 2, 'restart-strategy': 'none' }
    await onSmallDisk(context, 'still-full-disk', options, async (scene, job, disk) => {
      const free = keepFull(disk)
      await scene.write(PART)
      await failsWith(job, 'MR_CHECKPOINTS_FAILING')
      await failsWith(scene.start(), 'MR_STORAGE_FULL')
      free()
      await scene.write(PART)
      await scene.finish(scene.start())
    })
  })
})

/** Checkpoints fail at once here, so in some seconds there are many. */
const PATIENT = { 'checkpoint-timeout': '1s', 'checkpoint-tolerable-failures': 90, 'transaction-slots': 92 }

function mountDisk(): string | { readonly error: string } {
  const { path } = temporaryFolder('disk')
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', path], { stdio: 'pipe' })
    return path
  } catch (error) {
    return { error: String((error as { stderr?: Buffer }).stderr ?? error).trim() }
  }
}

/** Refused while the job has a file open for writing: for moments. */
async function remount(disk: string, mode: 'ro' | 'rw'): Promise<void> {
  for (let left = 200; ; left--) {
    try {
      execFileSync('mount', ['-o', `remount,${mode}`, disk], { stdio: 'pipe' })
      return
    } catch (error) {
      if (left === 0) throw error
      await sleep(10)
    }
  }
}

/** To the last page, again and again: the job frees some when it drops an old checkpoint. The result frees them all. */
function keepFull(disk: string): () => void {
  const path = join(disk, 'filler')
  const file = openSync(path, 'a')
  const page = Buffer.alloc(4096)
  const fill = () => {
    try {
      for (;;) writeSync(file, page)
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
    }
  }
  fill()
  const filling = setInterval(fill, 20).unref()
  return () => {
    clearInterval(filling)
    closeSync(file)
    rmSync(path)
  }
}

/** Several checkpoints have been declined, each with the reason. */
async function declined(job: JobProcess, code: string): Promise<void> {
  const all = () => job.lines.filter(({ event }) => event === 'checkpoint-declined')
  await job.line(() => all().length >= 3)
  for (const { error } of all()) assert.equal((error as { code?: string }).code, code)
}
