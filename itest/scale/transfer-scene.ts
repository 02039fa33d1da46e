/** One application with copies of the observed job: its topics, its writer, its crew, and a verdict over its output. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { KafkaClient } from '../../connectors/kafka/client/client.ts'
import type { JobOptions } from '../support/job-process.ts'
import { temporaryFolder } from '../support/leftovers.ts'
import type { KafkaServer } from '../support/servers.ts'
import { createTopic } from '../support/topics.ts'
import { Crew, type Member } from './crew.ts'
import { OutputReader } from './output-reader.ts'
import { perfect, TransferWriter } from './transfers.ts'

const ACCOUNTS = 500
const COMMIT_LIMIT_MS = 60_000

export const OBSERVED_JOB = 'itest/scale/jobs/observed.job.ts'
/** For brokers that these scenes share: a dead worker is noticed sooner. */
export const SHORT_SESSIONS = { 'group.min.session.timeout.ms': '1000' }

export class TransferScene {
  readonly name: string
  readonly inTopic: string
  readonly folder: string
  readonly client: KafkaClient
  readonly writer: TransferWriter
  readonly crew: Crew
  private readonly reader: OutputReader
  private readonly over = new AbortController()
  private readonly removeFolder: () => Promise<void>

  private constructor(
    kafka: KafkaServer,
    name: string,
    client: KafkaClient,
    writer: TransferWriter,
    { options, env, ...rest }: Partial<JobOptions>,
  ) {
    this.name = name
    this.inTopic = `${name}-in`
    this.client = client
    this.writer = writer
    const folder = temporaryFolder(name)
    this.folder = folder.path
    this.removeFolder = folder.remove
    this.crew = new Crew({
      job: OBSERVED_JOB,
      ...rest,
      options: {
        'app-id': name,
        brokers: kafka.bootstrap,
        checkpoints: `file://${folder.path}/checkpoints`,
        'state-directory': `${folder.path}/state`,
        'checkpoint-interval': '300ms',
        'session-timeout': '4s',
        ...options,
      },
      env: { IN_TOPIC: this.inTopic, OUT_TOPIC: `${name}-out`, ...env },
    })
    this.reader = new OutputReader({ kafka, topic: `${name}-out`, accounts: ACCOUNTS, over: this.over.signal })
  }

  static async open(kafka: KafkaServer, name: string, job: Partial<JobOptions> = {}): Promise<TransferScene> {
    for (const end of ['in', 'out']) await createTopic(kafka, `${name}-${end}`)
    const client = await KafkaClient.connect({ brokers: [kafka.bootstrap] })
    return new TransferScene(kafka, name, client, await TransferWriter.open(kafka.bootstrap, `${name}-in`, ACCOUNTS), job)
  }

  /** Starts so many copies; resolves when they are at work in one epoch. */
  async start(copies: number): Promise<Member[]> {
    const members = Array.from({ length: copies }, () => this.crew.start())
    await this.together(...members)
    return members
  }

  /** Until these, and no others, have begun an epoch together. */
  async together(...members: readonly Member[]): Promise<void> {
    const wanted = ({ job }: Member) => job.line(({ event, ...line }) => event === 'started' && line.workers === members.length)
    await this.orFailed(Promise.all(members.map(wanted)))
  }

  /** Until the updates of all that was written are committed. */
  async committed(): Promise<void> {
    await this.orFailed(this.reader.until(this.writer.total, COMMIT_LIMIT_MS))
  }

  /** Writes until the work is done. */
  async whileWriting(work: () => Promise<void>, { everyMs = 50, records = 200 } = {}): Promise<void> {
    let isOver = false
    const writing = (async () => {
      while (!isOver) {
        await this.writer.write(records)
        await sleep(everyMs)
      }
    })()
    try {
      await this.orFailed(work())
    } finally {
      isOver = true
      await writing
    }
  }

  /** Waits for everything written, ends all copies by SIGTERM, and holds the output against the model. */
  async finish(): Promise<void> {
    await this.committed()
    for (const member of this.crew.running) await this.orFailed(this.crew.stop(member))
    assert.deepEqual(this.reader.judge.verdict(this.writer.written), perfect(this.writer.written))
  }

  orFailed<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.crew.failed, this.reader.failed])
  }

  async close(): Promise<void> {
    this.over.abort()
    await this.crew.close()
    this.writer.close()
    this.client.close()
    await this.removeFolder()
  }

  /** Opens one, plays it, and closes it; a failure comes with what was done and said. */
  static async play(
    kafka: KafkaServer,
    name: string,
    job: Partial<JobOptions>,
    act: (scene: TransferScene) => Promise<void>,
  ): Promise<void> {
    const scene = await TransferScene.open(kafka, name, job)
    try {
      await act(scene)
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${scene.crew.history}\n${scene.crew.tails(25)}`, { cause: error })
    } finally {
      await scene.close()
    }
  }
}
