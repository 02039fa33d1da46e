/**
 * SIGKILL while chains are compacted, old files deleted, state restored, and written to the local disk: the output is exact, and after the next
 * sweep the storage holds exactly what the checkpoints refer to.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { test } from 'node:test'
import { createFileStorage } from '../../connectors/file/file-storage.ts'
import { auditStorage } from '../../src/checkpoint/storage-audit.ts'
import { judge, PaymentWriter, payments } from '../exactly-once/payments.ts'
import { JobProcess } from '../support/job-process.ts'
import { temporaryFolder } from '../support/leftovers.ts'
import { readCommitted } from '../support/read-committed.ts'
import { startKafka } from '../support/servers.ts'
import { createTopic } from '../support/topics.ts'

const JOB = 'itest/exactly-once/jobs/count.job.ts'
const PROGRAM = 'itest/checkpoints/faulty-storage-program.ts'
const APP = 'kill-storage-work'
const ROUNDS = ['apply:1', 'compaction:2', 'restore:1', 'retention:3', 'compaction:9', 'restore:2', 'retention:6'] as const
/** Of one checkpoint: few, so that chains grow in many steps. */
const PER_CHECKPOINT = 300
/** Of one checkpoint, too: so many that RocksDB is given them in several steps. */
const BURST = [...payments(60_000, 30_000, 2)]
/** A round reaches its point long before. */
const MOST_CHECKPOINTS = 80

test('a job that dies in compaction, deletion and restore loses nothing and leaves nothing behind', async () => {
  const kafka = await startKafka()
  const folder = temporaryFolder(APP)
  const [inTopic, outTopic] = [`${APP}-in`, `${APP}-out`]
  const input = [...BURST, ...payments(200_000, 2_000)]
  let sent = 0
  const start = (env: Record<string, string> = {}, interval = '100ms') =>
    new JobProcess({
      job: JOB,
      program: PROGRAM,
      options: {
        'app-id': APP,
        brokers: kafka.bootstrap,
        'checkpoint-interval': interval,
        checkpoints: `file://${folder.path}/checkpoints`,
        'state-directory': `${folder.path}/state`,
      },
      env: { IN_TOPIC: inTopic, OUT_TOPIC: outTopic, ...env },
    })
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
    for (const [round, kill] of ROUNDS.entries()) {
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
    const storage = createFileStorage(`file://${folder.path}/checkpoints`)
    const audit = await auditStorage(storage, APP, { isDeep: true })
    await storage.close()
    assert.deepEqual(
      { missing: audit.missing, corrupt: audit.corrupt, unreferenced: audit.unreferenced },
      { missing: [], corrupt: [], unreferenced: [] },
    )
    assert(audit.checkpoints <= 4, `${audit.checkpoints} checkpoints are left`)
  } finally {
    await kafka.close()
    await folder.remove()
  }
})
