/**
 * Copies of one job with an exchange, that share their work while they are killed, paused beyond their session, stopped,
 * added and restarted, and broker and storage fail under them: every update is committed once, in order, and no process
 * ends but as it was told to.
 *
 * MILLRACE_ITEST_TURMOIL_SECONDS (default 90) and MILLRACE_ITEST_TURMOIL_RATE (records a second, default 3,334: 2,000,000
 * in 600 s) set the length; MILLRACE_ITEST_SEED repeats the driver's choices.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryFolder } from '../support/leftovers.ts'
import { seeded, seedOfRun } from '../support/seeded.ts'
import { type KafkaServer, type S3Server, startKafka, startS3 } from '../support/servers.ts'
import { createTopic } from '../support/topics.ts'
import { Crew } from './crew.ts'
import { OutputReader } from './output-reader.ts'
import { perfect, TransferWriter } from './transfers.ts'
import { Turmoil } from './turmoil.ts'

const SECONDS = Number(process.env.MILLRACE_ITEST_TURMOIL_SECONDS || 90)
const RATE = Number(process.env.MILLRACE_ITEST_TURMOIL_RATE || 3_334)
const SEED = seedOfRun()
const ACCOUNTS = 5_000
const SESSION_TIMEOUT_MS = 4_000
/** With every other seed, so that some expire while nothing runs. */
const SHORT_TRANSACTION_MS = 10_000
const HAS_SHORT_TRANSACTIONS = SEED % 2 === 1
const FOR_SHORT_TRANSACTIONS = {
  'transaction-timeout': `${SHORT_TRANSACTION_MS}ms`,
  'checkpoint-timeout': '3s',
  'checkpoint-tolerable-failures': 1,
  // A machine that is busy misses such a timeout now and then.
  'restart-delay': '200ms',
  'restart-max-delay': '2s',
  'restart-attempts': 1000,
}
/** For what is left when the driver rests: a zombie's session, a restart's delay, and the records themselves. */
const FINISH_LIMIT_MS = 120_000
/** Records that come when none should. */
const QUIET_MS = 3_000

describe('copies of a job', () => {
  let kafka: KafkaServer
  let s3: S3Server
  before(async () => {
    kafka = await startKafka({
      config: {
        'group.min.session.timeout.ms': '1000',
        'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',
      },
    })
    s3 = await startS3()
  })
  after(async () => {
    await s3.close()
    await kafka.close()
  })

  test(`lose, double and reorder nothing in turmoil (${SECONDS} s, seed ${SEED})`, async (context) => {
    await createTopic(kafka, 'in')
    await createTopic(kafka, 'out')
    const folder = temporaryFolder('turmoil')
    const writer = await TransferWriter.open(kafka.bootstrap, 'in', ACCOUNTS)
    const crew = new Crew({
      job: 'itest/scale/jobs/rekey.job.ts',
      options: {
        'app-id': 'turmoil',
        brokers: kafka.bootstrap,
        checkpoints: `s3://${s3.bucket}/checkpoints`,
        's3-endpoint': s3.endpoint,
        's3-region': s3.region,
        's3-access-key-id': s3.accessKeyId,
        'state-directory': `${folder.path}/state`,
        'checkpoint-interval': '500ms',
        'session-timeout': `${SESSION_TIMEOUT_MS}ms`,
        'kafka-request-timeout': '3s',
        ...(HAS_SHORT_TRANSACTIONS ? FOR_SHORT_TRANSACTIONS : {}),
      },
      env: { MILLRACE_S3_SECRET_ACCESS_KEY: s3.secretAccessKey },
    })
    const over = new AbortController()
    const reader = new OutputReader({
      kafka,
      topic: 'out',
      accounts: ACCOUNTS,
      over: over.signal,
      onSilence: (silenceMs) => crew.tell(`output again, after ${silenceMs} ms`),
    })
    const guarded = <T>(work: Promise<T>) => Promise.race([work, crew.failed, reader.failed])
    try {
      for (let i = 0; i < 3; i++) crew.start()
      await guarded(Promise.all(crew.members.map(({ job }) => job.event('started'))))
      const durationMs = SECONDS * 1000
      const writing = writeSteadily(writer, durationMs)
      const turmoil = new Turmoil({
        crew,
        kafka,
        s3,
        random: seeded(SEED),
        sessionTimeoutMs: SESSION_TIMEOUT_MS,
        transactionTimeoutMs: HAS_SHORT_TRANSACTIONS ? SHORT_TRANSACTION_MS : Number.POSITIVE_INFINITY,
        durationMs,
      })
      await guarded(Promise.all([turmoil.run(), writing]))
      crew.tell(`rest: ${writer.total} records are written, ${reader.judge.updates} updates committed`)
      while (crew.running.length < 3) crew.start()
      await guarded(reader.until(writer.total, FINISH_LIMIT_MS))
      crew.tell('all updates are committed')
      for (const member of crew.running) await guarded(crew.stop(member))
      await guarded(sleep(QUIET_MS))
      assert.deepEqual(reader.judge.verdict(writer.written), perfect(writer.written))
      if (process.env.MILLRACE_ITEST_TURMOIL_SECONDS) console.log(crew.history)
      const salvaged = crew.members.reduce((sum, { job }) => sum + job.count('transaction-salvaged'), 0)
      const seen = [`${writer.total} records`, `${crew.members.length} processes`, `${salvaged} salvaged transactions`]
      context.diagnostic(`${seen.join(', ')}, longest silence ${reader.longestSilenceMs} ms`)
    } catch (error) {
      const { judge } = reader
      const verdict = JSON.stringify({ written: writer.total, ...judge.verdict(writer.written) })
      throw new Error(
        `seed ${SEED}: ${(error as Error).message}\n${verdict}\n${crew.history}\n${crew.tails()}\n${await brokerTail(kafka)}`,
        { cause: error },
      )
    } finally {
      over.abort()
      await crew.close()
      writer.close()
      await folder.remove()
    }
  })
})

/** Behind by an outage, it catches up. */
async function writeSteadily(writer: TransferWriter, durationMs: number): Promise<void> {
  const startMs = performance.now()
  for (;;) {
    const elapsedMs = Math.min(durationMs, performance.now() - startMs)
    const due = Math.floor((elapsedMs / 1000) * RATE) - writer.total
    if (due > 0) await writer.write(Math.min(due, 10_000))
    else if (elapsedMs >= durationMs) return
    await sleep(50)
  }
}

async function brokerTail(kafka: KafkaServer): Promise<string> {
  const lines = (await kafka.logs()).split('\n')
  return ['--- the broker', ...lines.slice(-15)].join('\n')
}
