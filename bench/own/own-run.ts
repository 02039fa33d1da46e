/** What every run of our own driver has: an input, a fresh output topic and state folder, the engine's process over them. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryFolder } from '../../itest/support/leftovers.ts'
import type { EngineChoice } from '../engines.ts'
import type { Measurement, Values } from '../measurement.ts'
import type { BenchOptions } from '../options.ts'
import { EngineProcess, type EngineStart } from './engine-process.ts'
import { busySeconds, cpuSecondsOf } from './process-usage.ts'
import { PARTITIONS, type TopicReader, Topics } from './topics.ts'
import { OutputTotals, type Totals } from './totals.ts'

export interface OwnSetting {
  readonly bootstrap: string
  readonly brokerPid: number | undefined
  readonly product: readonly string[]
}

export interface OwnRunOptions {
  /** A topic that is there and stays. Default: one is made for this run. */
  readonly input?: string
  /** Of the topics that are made. */
  readonly topicConfigs?: Readonly<Record<string, string>>
}

let started = 0

export class OwnRun {
  readonly topics: Topics
  readonly input: string
  readonly output: string
  readonly applicationId: string
  readonly outputTotals: OutputTotals
  readonly #setting: OwnSetting
  readonly #env: Readonly<Record<string, string>>
  readonly #folder: ReturnType<typeof temporaryFolder>
  readonly #temporaryTopics: string[]
  readonly #reader: TopicReader
  /** Input records that the output accounts for, by partition. */
  readonly #accountedOf: number[] = new Array(PARTITIONS).fill(0)
  #process: EngineProcess | undefined
  /** Of processes that have ended. */
  #cpuSeconds = 0
  #peakRssMb = 0
  readonly #usageBefore: { readonly busy: number | undefined; readonly atMs: number; readonly ours: number }

  private constructor(setting: OwnSetting, topics: Topics, engine: EngineChoice, options: BenchOptions, input: string) {
    const id = `${Date.now().toString(36)}-${++started}`
    this.topics = topics
    this.#setting = setting
    this.applicationId = `bench-app-${id}`
    this.output = `bench-out-${id}`
    this.input = input === '' ? `bench-in-${id}` : input
    this.#temporaryTopics = [this.output, ...(input === '' ? [this.input] : []), `${this.applicationId}.control`]
    this.#folder = temporaryFolder('bench')
    this.outputTotals = new OutputTotals(options.keys)
    this.#reader = topics.reader(this.output)
    this.#env = {
      ...engine.env,
      KAFKA_BOOTSTRAP: setting.bootstrap,
      IN_TOPIC: this.input,
      REKEY: options.rekey ? '1' : '0',
      OUT_TOPIC: this.output,
      APP_ID: this.applicationId,
      INTERVAL_MS: String(options.intervalMs),
      STATE_DIR: this.#folder.path,
    }
    this.#usageBefore = { busy: busySeconds(), atMs: performance.now(), ours: this.#knownCpuSeconds() }
  }

  static async open(
    setting: OwnSetting,
    engine: EngineChoice,
    options: BenchOptions,
    { input = '', topicConfigs = {} }: OwnRunOptions = {},
  ): Promise<OwnRun> {
    const topics = await Topics.connect(setting.bootstrap)
    const run = new OwnRun(setting, topics, engine, options, input)
    await topics.create(run.output, topicConfigs)
    if (input === '') await topics.create(run.input, topicConfigs)
    return run
  }

  get process(): EngineProcess {
    if (this.#process === undefined) throw new Error('the engine is not started')
    return this.#process
  }

  get folder(): string {
    return this.#folder.path
  }

  /** The RocksDB folder below it may be deleted while the engine is down: the state is restored from checkpoints. */
  get stateDirectory(): string {
    return join(this.#folder.path, 'state')
  }

  startEngine(start: Pick<EngineStart, 'onLine'> & { readonly env?: Readonly<Record<string, string>> } = {}): EngineProcess {
    const { product: command } = this.#setting
    const env = { ...this.#env, ...start.env }
    this.#process = new EngineProcess({ ...start, command, env, directory: this.#folder.path })
    return this.#process
  }

  async killEngine(): Promise<void> {
    this.#cpuSeconds += this.process.cpuSeconds()
    this.#peakRssMb = this.peakRssMb()
    const { process } = this
    this.#process = undefined
    await process.kill()
  }

  cpuSeconds(): number {
    return this.#cpuSeconds + (this.#process?.cpuSeconds() ?? 0)
  }

  peakRssMb(): number {
    return Math.max(this.#peakRssMb, this.#process?.peakRssMb() ?? 0)
  }

  brokerCpuSeconds(): number {
    return cpuSecondsOf(this.#setting.brokerPid) ?? 0
  }

  foreignCores(): number | undefined {
    const busy = busySeconds()
    const before = this.#usageBefore
    if (busy === undefined || before.busy === undefined) return undefined
    const others = busy - before.busy - (this.#knownCpuSeconds() - before.ours)
    return Math.max(0, (others * 1000) / (performance.now() - before.atMs))
  }

  /** Reads on through all that is committed now. */
  async scanOutput(): Promise<void> {
    await this.#reader.readToEnd(({ partition, value }) => {
      const before = this.outputTotals.accounted
      this.outputTotals.take(JSON.parse(value))
      this.#accountedOf[partition]! += this.outputTotals.accounted - before
    })
  }

  /** How far the output has been read, by partition. */
  readPositions(): number[] {
    return this.#reader.positions()
  }

  /**
   * Offsets of the input below which every record is in committed output, and so in a completed checkpoint: a record's
   * update has its key, so it is in the partition of the same number.
   */
  inputDone(): readonly number[] {
    return this.#accountedOf
  }

  /** Resolves when the output accounts for so many input records; rejects when the engine ends or time is over. */
  async untilAccounted(records: number, timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs
    for (;;) {
      await this.scanOutput()
      if (this.outputTotals.accounted >= records) return
      if (this.process.hasEnded) throw new Error(`the engine has ended:\n${this.process.tail()}`)
      if (performance.now() > deadlineMs) {
        throw new Error(`${this.outputTotals.accounted} of ${records} records are in the output after ${timeoutMs} ms`)
      }
      await sleep(100)
    }
  }

  verdict(expected: Totals, records: number, values: Values): Measurement {
    const { accounted, repeatedOrMissing, updates } = this.outputTotals
    const wrongKeys = this.outputTotals.wrongKeys(expected)
    const isRight = accounted === records && updates === records && wrongKeys === 0 && repeatedOrMissing === 0
    const problem =
      `${accounted} of ${records} records in the output, ${wrongKeys} keys wrong, ${repeatedOrMissing} updates repeated ` +
      `or missing\n${this.#process?.tail() ?? ''}`
    return { isRight, ...(isRight ? {} : { problem }), values: { ...values, wrongKeys, repeatedOrMissing } }
  }

  async close(): Promise<void> {
    await this.#process?.stop()
    this.#reader.close()
    await this.topics.delete(...this.#temporaryTopics)
    this.topics.close()
    await this.#folder.remove()
  }

  /** Of everything that belongs to this run, the driver included. */
  #knownCpuSeconds(): number {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6 + this.brokerCpuSeconds() + this.cpuSeconds()
  }
}
