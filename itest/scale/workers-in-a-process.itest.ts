/** `--workers 3`: threads die in every way there is, the process goes on, and what comes out is exact. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { JobProcess, type LogLine } from '../support/job-process.ts'
import { temporaryFolder } from '../support/leftovers.ts'
import { readCommitted } from '../support/read-committed.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { createTopic } from '../support/topics.ts'
import { judge, perfect, TransferWriter } from './transfers.ts'

const WORKERS = 3
const ACCOUNTS = 1_000

interface Scene {
  readonly job: JobProcess
  readonly writer: TransferWriter
  readonly outTopic: string
  /** Whoever comes to it first suffers it. */
  inflict(fault: string): void
}

describe('several workers in one process', { concurrency: false }, () => {
  let kafka: KafkaServer
  let folder: { readonly path: string; remove(): Promise<void> }
  const scenes: Scene[] = []
  before(async () => {
    kafka = await startKafka({ config: { 'group.min.session.timeout.ms': '1000' } })
    folder = temporaryFolder('workers')
  })
  afterEach(async () => {
    for (const { job, writer } of scenes.splice(0)) {
      writer.close()
      if (!job.hasEnded) await job.kill()
    }
  })
  after(async () => {
    await kafka?.close()
    await folder?.remove()
  })

  async function start(name: string, options: Readonly<Record<string, string | number>> = {}): Promise<Scene> {
    const [inTopic, outTopic] = [`${name}-in`, `${name}-out`]
    for (const topic of [inTopic, outTopic]) await createTopic(kafka, topic, { partitions: 6 })
    const own = join(folder.path, name)
    const dieFolder = join(own, 'die')
    mkdirSync(dieFolder, { recursive: true })
    const writer = await TransferWriter.open(kafka.bootstrap, inTopic, ACCOUNTS)
    const job = new JobProcess({
      job: 'itest/scale/jobs/dying.job.ts',
      options: {
        'app-id': name,
        brokers: kafka.bootstrap,
        checkpoints: `file://${own}/checkpoints`,
        'state-directory': `${own}/state`,
        'checkpoint-interval': '200ms',
        workers: WORKERS,
        ...options,
      },
      env: { IN_TOPIC: inTopic, OUT_TOPIC: outTopic, DIE_FOLDER: dieFolder },
    })
    const scene = { job, writer, outTopic, inflict: (fault: string) => writeFileSync(join(dieFolder, fault), '') }
    scenes.push(scene)
    await job.line((line) => line.event === 'started' && line.workers === WORKERS)
    return scene
  }

  /** Keeps records coming until the condition holds. */
  async function feedUntil({ job, writer }: Scene, condition: () => boolean): Promise<void> {
    const deadline = Date.now() + 60_000
    while (!condition()) {
      assert.ok(!job.hasEnded, `the process lives:\n${job.tail()}`)
      assert.ok(Date.now() < deadline, `it takes too long:\n${job.tail()}`)
      await writer.write(600)
      await job.moved(50)
    }
  }

  async function stopAndJudge({ job, writer, outTopic }: Scene): Promise<void> {
    const completed = job.count('checkpoint-completed')
    await job.line(() => job.count('checkpoint-completed') >= completed + 5 * WORKERS)
    assert.deepEqual(await job.kill('SIGTERM'), { exitCode: 0, signal: null }, job.tail())
    const { written } = writer
    assert.deepEqual(await judge(written, ACCOUNTS, await readCommitted(kafka, outTopic)), perfect(written))
  }

  const died = (job: JobProcess) => job.lines.filter(({ event }) => event === 'worker-died')
  const errorOf = (line: LogLine | undefined) => line?.error as { name?: string; message?: string; code?: string } | undefined

  test('threads that die are started anew while the others go on, and the output is exact', async () => {
    const scene = await start('deaths')
    const { job, inflict } = scene
    for (const [index, [fault, name, message]] of [
      ['throw', 'TypeError', /late in user code/],
      ['reject', 'RangeError', /nobody catches this/],
      ['exit', 'MillraceError', /exit code 3/],
    ].entries() as IterableIterator<[number, [string, string, RegExp]]>) {
      const begun = job.lines.length
      inflict(fault)
      await feedUntil(scene, () => died(job).length > index)
      const death = died(job)[index]
      assert.equal(errorOf(death)?.name, name)
      assert.match(errorOf(death)?.message ?? '', message)
      // All three run the next epoch, the one that died among them; nobody waited for its session to run out.
      const isBack = (worker: number) =>
        job.lines.slice(begun).some((line) => line.event === 'started' && line.worker === worker && line.workers === WORKERS)
      await feedUntil(scene, () => [0, 1, 2].every(isBack))
      assert.equal(job.count('group-predecessor-removed'), index + 1)
    }
    assert.equal(
      died(job).length,
      3,
      died(job)
        .map((line) => JSON.stringify(line))
        .join('\n'),
    )
    await stopAndJudge(scene)
  })

  test('memory state knows its dead as well', async () => {
    const scene = await start('in-memory', { 'state-backend': 'memory', 'session-timeout': '30s', 'rebalance-timeout': '30s' })
    const { job, inflict } = scene
    inflict('throw')
    await feedUntil(scene, () => died(job).length > 0)
    const atMs = Date.now()
    await feedUntil(scene, () => job.count('group-predecessor-removed') === 1)
    const startedBefore = job.count('started')
    await feedUntil(scene, () => job.count('started') >= startedBefore + WORKERS)
    assert.ok(Date.now() - atMs < 20_000, 'nobody waits for the session to run out')
    await stopAndJudge(scene)
  })

  test('a thread in a loop that never ends is terminated when the process stops', async () => {
    const scene = await start('loop', { 'shutdown-timeout': '1s', 'session-timeout': '3s', 'heartbeat-interval': '500ms' })
    const { job, inflict } = scene
    const begun = job.lines.length
    inflict('loop')
    // The others go on without it when its session has run out.
    const isLeftOut = (line: LogLine) => line.event === 'started' && line.workers === WORKERS - 1
    await feedUntil(scene, () => job.lines.slice(begun).some(isLeftOut))
    const atMs = Date.now()
    assert.deepEqual(await job.kill('SIGTERM'), { exitCode: 0, signal: null }, job.tail())
    assert.ok(Date.now() - atMs < 8_000)
    assert.equal(job.count('worker-terminated'), 1)
  })

  test('a failure for good ends the process with 1, and the error of the worker that failed', async () => {
    const scene = await start('failure', { 'restart-strategy': 'none' })
    const { job, inflict, writer } = scene
    inflict('fail')
    while (!job.hasEnded) {
      await writer.write(600)
      await job.moved(200)
    }
    assert.deepEqual(await job.end(), { exitCode: 1, signal: null })
    const failed = errorOf(await job.event('job-failed'))
    assert.equal(failed?.code, 'MR_USER_CODE_FAILED', job.tail())
    assert.match(failed?.message ?? '', /user code says no/)
    assert.match(job.output.join('\n'), /^MR_USER_CODE_FAILED: .*user code says no/m)
  })
})
