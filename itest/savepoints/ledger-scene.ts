/** Applications of the ledger job over the same topics, one after another, and commands to them; one verdict over all. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { auditStorage, type StorageAudit } from '../../src/checkpoint/storage-audit.ts'
import type { CheckpointStorage } from '../../src/ports/checkpoint-storage.ts'
import { OutputReader } from '../scale/output-reader.ts'
import { perfect, TransferWriter } from '../scale/transfers.ts'
import { jobEnvironment } from '../support/job-environment.ts'
import { JobProcess } from '../support/job-process.ts'
import { temporaryFolder } from '../support/leftovers.ts'
import { type CommandResult, runCommand } from '../support/run-command.ts'
import type { KafkaServer, S3Server } from '../support/servers.ts'
import { storageAccess, storageAt } from '../support/storage-at.ts'
import { createTopic } from '../support/topics.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
export const LEDGER_JOB = 'itest/savepoints/jobs/ledger.job.ts'
const ACCOUNTS = 400
const COMMIT_LIMIT_MS = 90_000

export interface StartOptions {
  readonly app: string
  readonly options?: Readonly<Record<string, string | number>>
  readonly env?: Readonly<Record<string, string>>
  readonly program?: string
}

/** As `millrace savepoint` prints it. */
export interface PrintedSavepoint {
  readonly savepoint: string
  readonly checkpoint: number
  readonly bytes: number
  readonly isStopped: boolean
}

export class LedgerScene {
  readonly kafka: KafkaServer
  readonly name: string
  readonly folder: string
  readonly writer: TransferWriter
  readonly jobs: JobProcess[] = []
  /** Where checkpoints and savepoints lie; savepoints may be moved below it. */
  readonly root: string
  private readonly s3: S3Server | undefined
  private outTopic: string
  private reader: OutputReader
  private readonly over = new AbortController()
  private readonly removeFolder: () => Promise<void>

  private constructor(kafka: KafkaServer, name: string, writer: TransferWriter, s3: S3Server | undefined) {
    this.kafka = kafka
    this.name = name
    this.writer = writer
    this.s3 = s3
    const folder = temporaryFolder(name)
    this.folder = folder.path
    this.removeFolder = folder.remove
    this.root = s3 === undefined ? `file://${folder.path}/storage` : `s3://${s3.bucket}/${name}`
    this.outTopic = `${name}-out`
    this.reader = this.read(this.outTopic)
  }

  private read(topic: string): OutputReader {
    return new OutputReader({ kafka: this.kafka, topic, accounts: ACCOUNTS, over: this.over.signal })
  }

  /** For a job that begins anew: its output comes again, all of it, in a topic of its own. */
  async turnToOutput(end: string): Promise<void> {
    this.outTopic = `${this.name}-${end}`
    await createTopic(this.kafka, this.outTopic)
    this.reader = this.read(this.outTopic)
  }

  static async open(kafka: KafkaServer, name: string, s3?: S3Server): Promise<LedgerScene> {
    for (const end of ['in', 'out']) await createTopic(kafka, `${name}-${end}`)
    return new LedgerScene(kafka, name, await TransferWriter.open(kafka.bootstrap, `${name}-in`, ACCOUNTS), s3)
  }

  /** Options of whoever reaches the storage. */
  get storageOptions(): Readonly<Record<string, string>> {
    return storageAccess(this.s3).options
  }

  get environment(): Readonly<Record<string, string>> {
    return storageAccess(this.s3).env
  }

  /** To be closed by who opens it. @param uri below the root */
  openStorage(uri: string): CheckpointStorage {
    return storageAt(uri, this.s3)
  }

  /** What lies in the checkpoint storage of an application, held against what its checkpoints say; all is read. */
  async audit(app: string): Promise<StorageAudit> {
    const storage = this.openStorage(`${this.root}/checkpoints`)
    try {
      return await auditStorage(storage, app, { isDeep: true })
    } finally {
      await storage.close()
    }
  }

  start({ app, options = {}, env = {}, program }: StartOptions): JobProcess {
    const { kafka, name, folder, root, outTopic } = this
    const job = new JobProcess({
      job: LEDGER_JOB,
      options: {
        'app-id': app,
        brokers: kafka.bootstrap,
        checkpoints: `${root}/checkpoints`,
        'state-directory': `${folder}/state`,
        'checkpoint-interval': '300ms',
        'session-timeout': '6s',
        ...this.storageOptions,
        ...options,
      },
      env: { IN_TOPIC: `${name}-in`, OUT_TOPIC: outTopic, ...this.environment, ...env },
      ...(program === undefined ? {} : { program }),
    })
    this.jobs.push(job)
    return job
  }

  /** A command beside the job, which goes on meanwhile. */
  millrace(...args: string[]): Promise<CommandResult> {
    const env = jobEnvironment(this.environment)
    return runCommand(process.execPath, ['--conditions=millrace-source', MAIN, ...args], { env })
  }

  ask(command: 'savepoint' | 'cancel', app: string, ...args: string[]): Promise<CommandResult> {
    return this.millrace(command, app, '--brokers', this.kafka.bootstrap, ...args)
  }

  async savepoint(app: string, ...args: string[]): Promise<PrintedSavepoint> {
    const { exitCode, stdout, stderr } = await this.ask('savepoint', app, ...args)
    assert.equal(exitCode, 0, `${stderr}\n${this.tails()}`)
    return JSON.parse(stdout)
  }

  /** Reads all of it. */
  async verify(savepoint: string): Promise<void> {
    const flags = Object.entries(this.storageOptions).map(([name, value]) => `--${name}=${value}`)
    const { exitCode, stdout, stderr } = await this.millrace('checkpoints', 'verify', '--savepoint', savepoint, ...flags)
    assert.equal(exitCode, 0, stdout + stderr)
  }

  get updates(): number {
    return this.reader.judge.updates
  }

  /** More than a job that rests gets done. */
  async whileWriting<T>(work: () => Promise<T>): Promise<T> {
    const over = new AbortController()
    const writing = (async () => {
      while (!over.signal.aborted) {
        await this.writer.write(500)
        await sleep(50)
      }
    })()
    try {
      return await work()
    } finally {
      over.abort()
      await writing
    }
  }

  /** Until so many updates are committed. */
  until(updates: number): Promise<void> {
    return this.orFailed(this.reader.until(updates, COMMIT_LIMIT_MS))
  }

  /** Until all that was written is committed, and right. */
  async exact(): Promise<void> {
    await this.until(this.writer.total)
    assert.deepEqual(this.reader.judge.verdict(this.writer.written), perfect(this.writer.written))
  }

  async stop(...jobs: readonly JobProcess[]): Promise<void> {
    for (const job of jobs) assert.deepEqual(await job.kill('SIGTERM'), { exitCode: 0, signal: null }, job.tail())
  }

  tails(): string {
    return this.jobs.map((job) => job.tail(40)).join('\n---\n')
  }

  private orFailed<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.reader.failed])
  }

  async close(): Promise<void> {
    this.over.abort()
    for (const job of this.jobs) if (!job.hasEnded) await job.kill()
    this.writer.close()
    await this.removeFolder()
  }

  static async play(
    kafka: KafkaServer,
    name: string,
    act: (scene: LedgerScene) => Promise<void>,
    s3?: S3Server,
  ): Promise<void> {
    const scene = await LedgerScene.open(kafka, name, s3)
    try {
      await act(scene)
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${scene.tails()}`, { cause: error })
    } finally {
      await scene.close()
    }
  }
}
