/**
 * SIGKILL while chains are compacted, old files deleted, state restored, and written to the local disk: the output is exact, and after the next
 * sweep the storage holds exactly what the checkpoints refer to.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { auditStorage } from '../../src/checkpoint/storage-audit.ts'
import { judge, PaymentWriter, payments } from '../exactly-once/payments.ts'
import { JobProcess } from '../support/job-process.ts'
import { temporaryFolder } from '../support/leftovers.ts'
import { readCommitted } from '../support/read-committed.ts'
import { type KafkaServer, type S3Server, startKafka, startS3 } from '../support/servers.ts'
import { PLACES, type Place, storageAccess, storageAt } from '../support/storage-at.ts'
import { createTopic } from '../support/topics.ts'

const JOB = 'itest/exactly-once/jobs/count.job.ts'
const PROGRAM = 'itest/checkpoints/faulty-storage-program.ts'
/** A kind of point more than once where it costs little. */
const ROUNDS: Readonly<Record<Place, readonly string[]>> = {
  file: ['apply:1', 'compaction:2', 'restore:1', 'retention:3', 'compaction:9', 'restore:2', 'retention:6'],
  s3: ['apply:1', 'compaction:4', 'restore:2', 'retention:3'],
}
/** Of one checkpoint: few, so that chains grow in many steps. */
const PER_CHECKPOINT = 300
/** Of one checkpoint, too: so many that RocksDB is given them in several steps. */
const BURST = [...payments(60_000, 30_000, 2)]
/** A round reaches its point long before. */
const MOST_CHECKPOINTS = 80

let kafka: KafkaServer
let s3: S3Server
before(async () => {
  kafka = await startKafka()
  s3 = await startS3()
})
after(async () => {
  await kafka?.close()
  await s3?.close()
})

for (const place of PLACES) {
  test(`a job that dies in compaction, deletion and restore loses nothing and leaves nothing behind (${place})`, () =>
    killAndJudge(place))
}

async function killAndJudge(place: Place): Promise<void> {
  const app = `kill-storage-work-${place}`
  const folder = temporaryFolder(app)
  const isS3 = place === 's3'
  const checkpoints = isS3 ? `s3://${s3.bucket}/jobs` : `file://${folder.path}/checkpoints`
  const access = storageAccess(isS3 ? s3 : undefined)
  const [inTopic, outTopic] = [`${app}-in`, `${app}-out`]
  const input = [...BURST, ...payments(200_000, 2_000)]
  let sent = 0
  const jobs: JobProcess[] = []
  const start = (env: Record<string, string> = {}, interval = '100ms') => {
    const job = new JobProcess({
      job: JOB,
      program: PROGRAM,
      options: {
        'app-id': app,
        brokers: kafka.bootstrap,
        'checkpoint-interval': interval,
        checkpoints,
        'state-directory': `${folder.path}/state`,
        ...access.options,
      },
      env: { IN_TOPIC: inTopic, OUT_TOPIC: outTopic, ...access.env, ...env },
    })
    jobs.push(job)
    return job
  }
  try {
    await createTopic(kafka, inTopic)
    await createTopic(kafka, outTopic)
    const writer = await PaymentWriter.open(kafka.bootstrap, inTopic)
    const feed = async (job: JobProcess, checkpoints: number) => {
      for (let i = 0; i < checkpoints && !job.hasEnded; i++) {
        await writer.write(input.slice(sent, sent + PER_CHECKPOINT))
        sent += PER_CHECKPOINT
        const completed = job.count('checkpoint-completed')
        while (!job.hasEnded && job.count('checkpoint-completed') === completed) await job.moved(100)
      }
    }
    for (const [round, kill] of ROUNDS[place].entries()) {
      const reached = `${folder.path}/reached-${round}`
      // What is local already is not restored.
      if (kill.startsWith('restore')) await rm(`${folder.path}/state`, { recursive: true, force: true })
      const isApply = kill.startsWith('apply')
      if (isApply) {
        await writer.write(BURST)
        sent += BURST.length
      }
      const job = start({ FAULT_KILL: kill, FAULT_REACHED: reached }, isApply ? '3s' : undefined)
      await feed(job, MOST_CHECKPOINTS)
      if (!job.hasEnded) await job.kill()
      await job.end()
      assert(existsSync(reached), `round ${round} comes to ${kill}:\n${job.tail()}`)
    }
    const last = start()
    await last.event('started')
    await feed(last, 20)
    // The sweep comes two seconds after the start.
    const swept = performance.now() + 3_000
    while (performance.now() < swept) await feed(last, 1)
    const processed = last.count('checkpoint-completed')
    await last.line(() => last.count('checkpoint-completed') >= processed + 10)
    assert.deepEqual(await last.kill('SIGTERM'), { exitCode: 0, signal: null }, last.tail())
    writer.close()

    const verdict = judge(input.slice(0, sent), await readCommitted(kafka, outTopic))
    assert.deepEqual(verdict, { updates: sent, missing: 0, doubled: 0, wrong: 0, example: undefined })
    const storage = storageAt(checkpoints, s3)
    const audit = await auditStorage(storage, app, { isDeep: true })
    await storage.close()
    assert.deepEqual(
      { missing: audit.missing, corrupt: audit.corrupt, unreferenced: audit.unreferenced },
      { missing: [], corrupt: [], unreferenced: [] },
    )
    assert(audit.checkpoints <= 4, `${audit.checkpoints} checkpoints are left`)
  } finally {
    for (const job of jobs) if (!job.hasEnded) await job.kill()
    await folder.remove()
  }
}
