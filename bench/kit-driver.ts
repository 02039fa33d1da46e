/**
 * Measures an engine by the peer kit's driver, a Java program with Kafka's own client: all engines by the same yardstick.
 * One process a run; it generates the input when the broker hasn't got it, starts the engine, checks every update of the
 * output under read_committed, and prints one line of JSON.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { guard, release, temporaryFolder } from '../itest/support/leftovers.ts'
import { lastLines } from '../itest/support/run-command.ts'
import type { BenchBroker } from './broker.ts'
import type { Driver, RunRequest } from './driver.ts'
import { type EngineChoice, heapOf } from './engines.ts'
import { known, type Measurement } from './measurement.ts'
import type { BenchOptions } from './options.ts'
import { cleanEnvironment } from './product.ts'
import { median } from './report.ts'

const RUN_TIMEOUT_SECONDS = 600
/** For generating input, waiting for quiet, checking and cleaning up, on top. */
const MARGIN_SECONDS = 300

export class KitDriver implements Driver {
  readonly description = "the peer kit's driver, Kafka's Java client"
  readonly #folder: string
  readonly #broker: BenchBroker
  readonly #product: readonly string[]

  constructor(folder: string, broker: BenchBroker, product: readonly string[]) {
    this.#folder = folder
    this.#broker = broker
    this.#product = product
  }

  async measure({ engine, options }: RunRequest): Promise<Measurement> {
    const work = temporaryFolder('bench')
    try {
      const { result, output } = await this.#run(engine, kitArguments(engine, options), options, work.path)
      if (result === undefined) return { isRight: false, problem: lastLines(output + engineLog(work.path), 30), values: {} }
      return options.work === 'latency' ? latencyOf(result, options) : runOf(result, engineLog(work.path))
    } finally {
      await work.remove()
    }
  }

  async #run(engine: EngineChoice, args: readonly string[], options: BenchOptions, work: string) {
    const command = engine.kitName === null ? this.#product : [join(this.#folder, 'engine.sh'), engine.kitName]
    mkdirSync(join(work, 'state'), { recursive: true })
    // A process group of its own: whatever ends this process, the driver and the engine below it are ended by the guard.
    const child = spawn(join(this.#folder, 'bench.sh'), [...args, '--', ...command], {
      cwd: work,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...cleanEnvironment(),
        // The kafkajs loop is to run on this Node.js too.
        PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}`,
        ...engine.env,
        ENGINE_HEAP: heapOf(options.keys),
        KAFKA_BOOTSTRAP: this.#broker.bootstrap,
        BENCH_WORK: work,
        ...(this.#broker.pid === undefined ? {} : { BROKER_PID: String(this.#broker.pid) }),
      },
    })
    const pid = child.pid
    if (pid === undefined) throw new Error(`${this.#folder}/bench.sh can't be started`)
    guard('pid', -pid)
    const chunks: Buffer[] = []
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    const timer = setTimeout(() => killGroup(pid), (RUN_TIMEOUT_SECONDS + MARGIN_SECONDS + options.quietSeconds) * 1000)
    try {
      await once(child, 'close')
    } finally {
      clearTimeout(timer)
      killGroup(pid)
      release('pid', -pid)
    }
    const output = Buffer.concat(chunks).toString()
    const line = /^RESULT (.+)$/m.exec(output)?.[1]
    return { output, result: line === undefined ? undefined : (JSON.parse(line) as Record<string, unknown>) }
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // All of it has ended.
  }
}

function kitArguments(engine: EngineChoice, options: BenchOptions): string[] {
  const { work, keys, intervalMs, rate, warmSeconds, seconds, quietSeconds, killAt, rekey } = options
  const common = ['--job', 'w1', '--key', rekey ? 'id' : 'word', '--k', `${keys}`, '--interval', `${intervalMs}`]
  const names = ['--label', engine.id, '--engine', engine.engine, '--quietWait', `${quietSeconds}`]
  if (work === 'latency') {
    return ['latency', ...common, ...names, '--rate', `${rate}`, '--warm', `${warmSeconds}`, '--secs', `${seconds}`]
  }
  const records = Math.min(options.records, engine.maxRecords ?? options.records)
  const kill = work === 'recovery' ? ['--killAt', `${killAt}`] : []
  return ['run', ...common, ...names, ...kill, '--n', `${records}`, '--timeout', `${RUN_TIMEOUT_SECONDS}`]
}

/** Everything the engine printed. */
function engineLog(work: string): string {
  const folder = join(work, 'logs')
  try {
    return readdirSync(folder)
      .map((file) => readFileSync(join(folder, file), 'utf8'))
      .join('')
  } catch {
    return ''
  }
}

function runOf(result: Record<string, unknown>, log: string): Measurement {
  const number = numbersOf(result)
  const records = number('n') ?? 0
  const perMillion = (seconds: number | undefined) => (seconds === undefined ? undefined : (seconds * 1e6) / records)
  const wrongKeys = number('wrongKeys')
  const repeatedOrMissing = number('dupOrGap')
  const isRight = result.ok === true && wrongKeys === 0 && repeatedOrMissing === 0
  const ended = `${result.crashed ? 'the engine ended by itself; ' : ''}${number('seen')} of ${records} records in the output`
  return {
    isRight,
    ...(isRight
      ? {}
      : {
          problem: `${ended}, ${wrongKeys} keys wrong, ${repeatedOrMissing} updates repeated or missing\n${lastLines(log, 20)}`,
        }),
    values: known({
      records,
      recordsPerSecond: number('recPerSec'),
      recordsPerSecondWithStart: number('recPerSecInclStart'),
      steadyPerSecond: number('steadyOutPerSec'),
      startToFirstRecordMs: number('startToFirstMs'),
      firstCommitMs: number('firstCommitMs'),
      cpuSecondsPerMillion: perMillion(number('cpuSecs')),
      brokerCpuSecondsPerMillion: perMillion(number('brokerCpuSecs')),
      peakRssMb: number('peakRssMb'),
      stateDirectoryMb: number('stateDirMb'),
      wrongKeys,
      repeatedOrMissing,
      recoveryMs: number('recoverMs'),
      recoveryFirstRecordMs: number('recoverFirstRecordMs'),
      foreignCores: foreignCores(number('foreignCores'), number('foreignNicedCores')),
      checkpoints: number('checkpoints'),
      checkpointMs: number('cpMsMedian'),
      checkpointKb: number('cpKbMedian'),
      ...checkpointsIn(log),
    }),
  }
}

function latencyOf(result: Record<string, unknown>, { rate }: BenchOptions): Measurement {
  const number = numbersOf(result)
  const cpuPercent = number('cpuPct')
  const samples = number('samples') ?? 0
  return {
    isRight: samples > 0,
    ...(samples > 0 ? {} : { problem: 'no output came' }),
    values: known({
      p50Ms: number('p50'),
      p90Ms: number('p90'),
      p99Ms: number('p99'),
      maxMs: number('max'),
      cpuPercent,
      cpuSecondsPerMillion: cpuPercent === undefined ? undefined : (cpuPercent / 100 / rate) * 1e6,
      peakRssMb: number('peakRssMb'),
      foreignCores: foreignCores(number('foreignCores'), number('foreignNicedCores')),
    }),
  }
}

/** Millrace's own checkpoint lines: the kit knows those of other engines. */
function checkpointsIn(log: string) {
  const lines = log.matchAll(/^\{.*"event":"checkpoint-completed".*$/gm)
  // Those taken while nothing came in would make the others look small.
  const completed = [...lines].map(([line]) => JSON.parse(line)).filter(({ bytes }) => bytes > 0)
  if (completed.length === 0) return {}
  return {
    checkpoints: completed.length,
    checkpointMs: median(completed.map(({ durationMs }) => durationMs)),
    checkpointKb: median(completed.map(({ bytes }) => bytes / 1024)),
  }
}

function foreignCores(plain: number | undefined, niced: number | undefined): number | undefined {
  return plain === undefined && niced === undefined ? undefined : Math.max(0, (plain ?? 0) + (niced ?? 0))
}

function numbersOf(result: Record<string, unknown>): (name: string) => number | undefined {
  return (name) => {
    const value = result[name]
    return typeof value === 'number' && Number.isFinite(value) ? value : undefined
  }
}
