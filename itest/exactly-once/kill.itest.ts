/**
 * SIGKILL at random moments and at chosen ones; afterwards every update of every key is there once, in order.
 *
 * MILLRACE_ITEST_KILL_ROUNDS (default 25) sets the rounds of each suite; the seed of the random moments is printed.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { JobProcess } from '../support/job-process.ts'
import { temporaryFolder } from '../support/leftovers.ts'
import { readCommitted } from '../support/read-committed.ts'
import { seeded, seedOfRun } from '../support/seeded.ts'
import { type KafkaServer, startKafka, startS3 } from '../support/servers.ts'
import { createTopic } from '../support/topics.ts'
import { BUGS, type Bug, KILL_POINTS, type KillPoint } from './faults.ts'
import { judge, type Payment, PaymentWriter, payments, type Verdict } from './payments.ts'

const RECORDS = 200_000
const KEYS = 10_000
const ROUNDS = Number(process.env.MILLRACE_ITEST_KILL_ROUNDS ?? 25)
const JOB = 'itest/exactly-once/jobs/count.job.ts'
/** Longer than any round takes to reach its point. */
const ROUND_LIMIT_MS = 8_000
const FAULTY = 'itest/exactly-once/faulty-program.ts'

interface Scene {
  readonly kafka: KafkaServer
  readonly name: string
  readonly options: Readonly<Record<string, string | number>>
  readonly env?: Readonly<Record<string, string>>
}

/** What becomes of a round: a kill after so many ms, or at a chosen point. */
type Ending = { readonly afterMs: number } | { readonly point: KillPoint; readonly at: number }

/** Feeds the input in shares, one for each round, kills the job in each, and lets it finish in the end. */
async function killAndJudge(scene: Scene, input: readonly Payment[], endings: readonly Ending[], bug?: Bug): Promise<Verdict> {
  const { kafka, name, options } = scene
  const inTopic = `${name}-in`
  const outTopic = `${name}-out`
  await createTopic(kafka, inTopic)
  await createTopic(kafka, outTopic)
  const writer = await PaymentWriter.open(kafka.bootstrap, inTopic)
  const start = (env: Record<string, string> = {}) =>
    new JobProcess({
      job: JOB,
      program: FAULTY,
      options: { 'app-id': name, brokers: kafka.bootstrap, 'checkpoint-interval': '200ms', ...options },
      env: { IN_TOPIC: inTopic, OUT_TOPIC: outTopic, ...scene.env, ...(bug === undefined ? {} : { FAULT_BUG: bug }), ...env },
    })
  const share = Math.ceil(input.length / (endings.length + 1))
  try {
    for (const [round, ending] of endings.entries()) {
      const job = 'point' in ending ? start({ FAULT_KILL: `${ending.point}:${ending.at}` }) : start()
      // A chosen point that a round doesn't reach is a kill at the end of it.
      const timer = setTimeout(() => void job.kill(), 'afterMs' in ending ? ending.afterMs : ROUND_LIMIT_MS)
      await feed(writer, input.slice(round * share, (round + 1) * share), job)
      const end = await job.end()
      clearTimeout(timer)
      assert.equal(end.signal, 'SIGKILL', `round ${round} ends by SIGKILL:\n${job.tail()}`)
    }
    const last = start()
    await writer.write(input.slice(endings.length * share))
    await last.event('started')
    // Two checkpoints whose cuts lie behind the end of the input: all of it is committed then.
    const processed = last.count('checkpoint-completed')
    await last.line(() => last.count('checkpoint-completed') >= processed + 10)
    const end = await last.kill('SIGTERM')
    assert.deepEqual(end, { exitCode: 0, signal: null }, `SIGTERM ends the job well:\n${last.tail()}`)
  } finally {
    writer.close()
  }
  return judge(input, await readCommitted(kafka, outTopic))
}

/** Over some checkpoints, so that each has something to do; the rest at once when the job is gone. */
async function feed(writer: PaymentWriter, share: readonly Payment[], job: JobProcess): Promise<void> {
  const PARTS = 5
  const size = Math.ceil(share.length / PARTS)
  for (let part = 0; part < PARTS; part++) {
    await writer.write(share.slice(part * size, (part + 1) * size))
    const completed = job.count('checkpoint-completed')
    while (!job.hasEnded && job.count('checkpoint-completed') === completed) await job.moved(100)
  }
}

function endings(rounds: number, seed: number): Ending[] {
  const random = seeded(seed)
  return Array.from({ length: rounds }, (_, i) => {
    const point = KILL_POINTS[i % 12]
    return point === undefined ? { afterMs: 300 + random(2000) } : { point, at: 1 + random(4) }
  })
}

const perfect = (updates: number) => ({ updates, missing: 0, doubled: 0, wrong: 0, example: undefined })

describe('a job that is killed again and again counts every record once', { concurrency: false }, () => {
  const seed = seedOfRun()

  test(`rocksdb state, checkpoints in a folder (seed ${seed})`, async () => {
    const kafka = await startKafka()
    const folder = temporaryFolder('kill')
    try {
      const options = {
        checkpoints: `file://${folder.path}/checkpoints`,
        'state-backend': 'rocksdb',
        'state-directory': `${folder.path}/state`,
      }
      const verdict = await killAndJudge(
        { kafka, name: 'kill-rocksdb', options },
        [...payments(RECORDS, KEYS)],
        endings(ROUNDS, seed),
      )
      assert.deepEqual(verdict, perfect(RECORDS))
    } finally {
      await kafka.close()
      await folder.remove()
    }
  })

  test(`memory state, checkpoints in S3 (seed ${seed})`, async () => {
    const kafka = await startKafka()
    const s3 = await startS3()
    try {
      const options = {
        checkpoints: `s3://${s3.bucket}/checkpoints`,
        's3-endpoint': s3.endpoint,
        's3-region': s3.region,
        's3-access-key-id': s3.accessKeyId,
        'state-backend': 'memory',
      }
      const env = { MILLRACE_S3_SECRET_ACCESS_KEY: s3.secretAccessKey }
      const verdict = await killAndJudge(
        { kafka, name: 'kill-memory', options, env },
        [...payments(RECORDS, KEYS)],
        endings(ROUNDS, seed + 1),
      )
      assert.deepEqual(verdict, perfect(RECORDS))
    } finally {
      await s3.close()
      await kafka.close()
    }
  })
})

describe('the test of the test', () => {
  for (const bug of BUGS) {
    test(`sees the bug ${bug}`, async () => {
      const kafka = await startKafka()
      const folder = temporaryFolder('bug')
      try {
        const options = { checkpoints: `file://${folder.path}/checkpoints`, 'state-directory': `${folder.path}/state` }
        const points: Ending[] = [
          { point: 'before-ack', at: 2 },
          { point: 'before-ack', at: 3 },
          { point: 'after-metadata', at: 2 },
          { point: 'before-ack', at: 1 },
        ]
        const verdict = await killAndJudge({ kafka, name: bug, options }, [...payments(20_000, 500)], points, bug)
        assert.ok(verdict.missing + verdict.doubled + verdict.wrong > 0, `${bug} goes unseen: ${JSON.stringify(verdict)}`)
      } finally {
        await kafka.close()
        await folder.remove()
      }
    })
  }
})
