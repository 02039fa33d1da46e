/**
 * One application of the fault tests: generated payments in a topic, the count job over them, started, killed and
 * started again at will, and in the end a verdict over every update it ever committed.
 */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { createTopics, fetchCommittedOffsets, listOffsets } from '../../connectors/kafka/client/admin.ts'
import { KafkaClient } from '../../connectors/kafka/client/client.ts'
import { judge, type Payment, PaymentWriter, payments, type Verdict } from '../exactly-once/payments.ts'
import { JobProcess } from '../support/job-process.ts'
import { temporaryFolder } from '../support/leftovers.ts'
import { readCommitted } from '../support/read-committed.ts'
import type { KafkaServer } from '../support/servers.ts'

export const COUNT_JOB = 'itest/exactly-once/jobs/count.job.ts'
export const FAULTY_PROGRAM = 'itest/exactly-once/faulty-program.ts'
export const FAULTY_ACK_PROGRAM = 'itest/faults/faulty-ack-program.ts'

export const PARTITIONS = 4
const COMMIT_TIMEOUT_MS = 60_000

type Options = Readonly<Record<string, string | number>>
type Environment = Readonly<Record<string, string>>

export interface SceneOptions {
  /** The application id; topics are named by it. */
  readonly name: string
  /** Default: the count job. */
  readonly job?: string
  /** Distinct keys of the payments; 500 by default. */
  readonly keys?: number
  /** Options of the job on top of the scene's: checkpoints each 200 ms in a folder, RocksDB state beside it. */
  readonly options?: Options
  readonly env?: Environment
}

/** Of one start. */
export interface StartOptions {
  readonly options?: Options
  readonly env?: Environment
  /** Default: the real one. */
  readonly program?: string
}

export class Scene {
  readonly kafka: KafkaServer
  readonly name: string
  readonly inTopic: string
  readonly outTopic: string
  /** Holds `checkpoints` and `state`. */
  readonly folder: string
  readonly client: KafkaClient
  readonly written: Payment[] = []
  private readonly options: SceneOptions
  private readonly writer: PaymentWriter
  private readonly source: Generator<Payment>
  private readonly removeFolder: () => Promise<void>
  private readonly jobs: JobProcess[] = []

  private constructor(kafka: KafkaServer, options: SceneOptions, client: KafkaClient, writer: PaymentWriter) {
    const folder = temporaryFolder(options.name)
    this.kafka = kafka
    this.options = options
    this.name = options.name
    this.inTopic = `${options.name}-in`
    this.outTopic = `${options.name}-out`
    this.folder = folder.path
    this.removeFolder = folder.remove
    this.client = client
    this.writer = writer
    this.source = payments(Number.POSITIVE_INFINITY, options.keys ?? 500)
  }

  static async open(kafka: KafkaServer, options: SceneOptions): Promise<Scene> {
    const client = await KafkaClient.connect({ brokers: [kafka.bootstrap] })
    for (const end of ['in', 'out']) await createTopic(client, `${options.name}-${end}`)
    return new Scene(kafka, options, client, await PaymentWriter.open(kafka.bootstrap, `${options.name}-in`))
  }

  get checkpoints(): string {
    return `${this.folder}/checkpoints`
  }

  get stateDirectory(): string {
    return `${this.folder}/state`
  }

  start({ options = {}, env = {}, program }: StartOptions = {}): JobProcess {
    const job = new JobProcess({
      job: this.options.job ?? COUNT_JOB,
      options: {
        'app-id': this.name,
        brokers: this.kafka.bootstrap,
        checkpoints: `file://${this.checkpoints}`,
        'state-directory': this.stateDirectory,
        'checkpoint-interval': '200ms',
        ...this.options.options,
        ...options,
      },
      env: { IN_TOPIC: this.inTopic, OUT_TOPIC: this.outTopic, ...this.options.env, ...env },
      ...(program === undefined ? {} : { program }),
    })
    this.jobs.push(job)
    return job
  }

  /** Those that fit, of the generated ones. All acknowledged when it resolves. */
  async write(count: number, fits: (payment: Payment) => boolean = () => true): Promise<void> {
    const batch: Payment[] = []
    while (batch.length < count) {
      // Not `take`: it would end the generator.
      const payment = this.source.next().value as Payment
      if (fits(payment)) batch.push(payment)
    }
    await this.writer.write(batch)
    this.written.push(...batch)
  }

  /** Until a checkpoint that holds everything written so far is committed: the job publishes its positions behind that. */
  async committed(job: JobProcess, timeoutMs = COMMIT_TIMEOUT_MS): Promise<void> {
    const ends = await this.ends(this.inTopic)
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const positions = await this.positions()
      if (positions.every((position, partition) => position >= (ends[partition] ?? 0))) return
      assert.ok(!job.hasEnded, `the job has ended:\n${job.tail()}`)
      assert.ok(performance.now() < deadline, `${positions} of ${ends} are committed after ${timeoutMs} ms:\n${job.tail()}`)
      await sleep(50)
    }
  }

  /** What the job has published as its group's offsets, by partition of the input; -1 where nothing. */
  async positions(): Promise<number[]> {
    const offsets = await fetchCommittedOffsets(this.client, this.name, partitionsOf(this.inTopic))
    return offsets.map(({ offset }) => offset)
  }

  /** The end of each partition; by `read_committed` its last stable offset. */
  async ends(topic: string, isolation: 'read_committed' | 'read_uncommitted' = 'read_uncommitted'): Promise<number[]> {
    const ends = await listOffsets(this.client, partitionsOf(topic), 'latest', { isolation })
    return ends.map(({ offset }) => offset)
  }

  verdict(): Promise<Verdict> {
    return readCommitted(this.kafka, this.outTopic).then((output) => judge(this.written, output))
  }

  /** Waits for everything written, ends the copies of the job by SIGTERM, and holds the whole output against the model. */
  async finish(...jobs: readonly [JobProcess, ...JobProcess[]]): Promise<void> {
    await jobs[0].event('started')
    await this.committed(jobs[0])
    for (const job of jobs) {
      assert.deepEqual(await job.kill('SIGTERM'), { exitCode: 0, signal: null }, `SIGTERM ends the job well:\n${job.tail()}`)
    }
    await this.assertExact()
  }

  /** Every update of every record written is committed, once, in order, and right. */
  async assertExact(): Promise<void> {
    const perfect = { updates: this.written.length, missing: 0, doubled: 0, wrong: 0, example: undefined }
    assert.deepEqual(await this.verdict(), perfect)
  }

  async close(): Promise<void> {
    await Promise.all(this.jobs.filter((job) => !job.hasEnded).map((job) => job.kill()))
    this.writer.close()
    this.client.close()
    await this.removeFolder()
  }
}

/** A topic that is being deleted is in the way for a moment. Resolves when every partition has a leader. */
export async function createTopic(client: KafkaClient, name: string, partitions = PARTITIONS): Promise<void> {
  const deadline = performance.now() + 10_000
  while ((await createTopics(client, [{ name, partitions, replicationFactor: 1 }])).length === 0) {
    assert.ok(performance.now() < deadline, `${name} can be created`)
    await sleep(50)
  }
  await client.topic(name, 10_000)
}

function partitionsOf(topic: string): { topic: string; partition: number }[] {
  return Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }))
}
