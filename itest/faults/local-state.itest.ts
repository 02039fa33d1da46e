/**
 * Local RocksDB state that is gone or damaged: it is a copy of the checkpoint, so it is discarded and restored, and the
 * output stays exact. And a state directory that several processes share: each has a folder of its own in it.
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { Scene } from './scene.ts'

const PART = 3_000

interface Damage {
  readonly name: string
  /** Whether the database says so when it is opened. What it can mend by itself it just opens. */
  readonly isNoticed: boolean
  readonly inflict: (database: string) => void
}

const DAMAGES: readonly Damage[] = [
  { name: 'a missing table file', isNoticed: true, inflict: (database) => each(database, /\.sst$/, (file) => rmSync(file)) },
  { name: 'a deleted folder', isNoticed: false, inflict: (database) => rmSync(database, { recursive: true }) },
  { name: 'garbage in CURRENT', isNoticed: true, inflict: (database) => garble(database, /^CURRENT$/) },
  { name: 'garbage in the manifest', isNoticed: true, inflict: (database) => garble(database, /^MANIFEST-/) },
  { name: 'a missing manifest', isNoticed: true, inflict: (database) => each(database, /^MANIFEST-/, (file) => rmSync(file)) },
  { name: 'a write-ahead log that is cut off', isNoticed: false, inflict: (database) => cutOff(database, /\.log$/) },
]

function each(database: string, name: RegExp, change: (file: string) => void): void {
  const found = readdirSync(database).filter((file) => name.test(file))
  assert.ok(found.length > 0, `${name} is among ${readdirSync(database)}`)
  for (const file of found) change(join(database, file))
}

function garble(database: string, name: RegExp): void {
  each(database, name, (file) => writeFileSync(file, 'no database here\n'))
}

function cutOff(database: string, name: RegExp): void {
  each(database, name, (file) => truncateSync(file, Math.floor(statSync(file).size / 2)))
}

describe('local state', { concurrency: false }, () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.close())

  test('that is gone or damaged is restored from the checkpoint, and the output stays exact', async (context) => {
    const scene = await Scene.open(kafka, { name: 'local' })
    const database = databaseOf(scene)
    try {
      // Twice: what the first start leaves in the write-ahead log the second one makes a table file of.
      for (let start = 0; start < 2; start++) {
        const job = scene.start()
        await scene.write(PART)
        await scene.committed(job)
        await job.kill('SIGTERM')
      }
      for (const { name, isNoticed, inflict } of DAMAGES) {
        await context.test(name, async () => {
          inflict(database)
          const job = scene.start()
          await job.event('started')
          assert.equal(job.count('local-state-discarded'), isNoticed ? 1 : 0, job.tail())
          await scene.write(PART)
          await scene.committed(job)
          await job.kill('SIGTERM')
        })
      }
      await scene.finish(scene.start())
    } finally {
      await scene.close()
    }
  })

  test('whose damage shows only when it is read is restored, and the job goes on by itself', async () => {
    const options = { 'restart-delay': '100ms' }
    const scene = await Scene.open(kafka, { name: 'rotten', keys: 10_000, options })
    const database = databaseOf(scene)
    try {
      for (let start = 0; start < 2; start++) {
        const job = scene.start()
        await scene.write(5 * PART)
        await scene.committed(job)
        await job.kill('SIGTERM')
      }
      // In the middle of the values: the records that are read at the start lie at the front.
      each(database, /\.sst$/, (file) => {
        const bytes = readFileSync(file)
        bytes.fill(0xff, Math.floor(bytes.length / 3), Math.floor(bytes.length / 2))
        writeFileSync(file, bytes)
      })
      const rotten = scene.start()
      await scene.write(5 * PART)
      await scene.finish(rotten)
      const failures = rotten.lines.filter(({ event }) => event === 'epoch-failed')
      assert.deepEqual(
        failures.map(({ error }) => (error as { code?: string }).code),
        ['MR_STATE_LOCAL_CORRUPT'],
        rotten.tail(),
      )
      assert.equal(rotten.count('local-state-discarded'), 1, rotten.tail())
      const restored = rotten.lines.filter(({ event }) => event === 'restored').at(-1)
      assert.equal(restored?.tasksFromLocal, 0, rotten.tail())
    } finally {
      await scene.close()
    }
  })

  test('in use by another process is left to it: the second takes a folder beside it', async () => {
    const scene = await Scene.open(kafka, { name: 'locked' })
    try {
      const first = scene.start()
      await scene.write(PART)
      await scene.committed(first)
      const second = scene.start()
      for (const job of [first, second]) await job.line(({ event, ...line }) => event === 'started' && line.workers === 2)
      await scene.write(PART)
      await scene.committed(second)
      for (const worker of [0, 1]) assert.ok(existsSync(databaseOf(scene, worker)))
      assert.ok(!existsSync(databaseOf(scene, 2)))
      await first.kill('SIGKILL')
      // Whose folder is the first that is free now, with all that it had.
      const third = scene.start()
      await third.event('started')
      const restored = await third.event('restored')
      assert.ok(Number(restored.tasksFromLocal) > 0, third.tail())
      await scene.write(PART)
      await scene.finish(second, third)
    } finally {
      await scene.close()
    }
  })
})

/** @param worker of those that share the state directory */
function databaseOf(scene: Scene, worker = 0): string {
  return join(scene.stateDirectory, scene.name, String(worker), 'db')
}
