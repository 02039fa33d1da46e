/** Millrace's process under measurement: started by the contract of the jobs, its lines read, its end certain. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { guard, release } from '../../itest/support/leftovers.ts'
import { cleanEnvironment } from '../product.ts'
import { cpuSecondsOf, forgetPeakRss, peakRssMbOf } from './process-usage.ts'

const STOP_TIMEOUT_MS = 60_000
const KEPT_LINES = 40

/** A line of its log. */
export interface LogEvent {
  readonly event: string
  readonly [field: string]: unknown
}

export interface EngineStart {
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly directory: string
  /** Told every line that it writes. */
  readonly onLine?: (line: string) => void
}

export class EngineProcess {
  readonly startedAtMs = performance.now()
  firstRecordAtMs: number | undefined
  readonly events: LogEvent[] = []
  readonly lastLines: string[] = []
  hasEnded = false
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #peakRssMb = 0
  #cpuSeconds = 0

  constructor({ command, env, directory, onLine = () => {} }: EngineStart) {
    const [program = '', ...args] = command
    this.#child = spawn(program, args, {
      cwd: directory,
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const { pid, stdout, stderr } = this.#child
    if (pid !== undefined) guard('pid', pid)
    const take = (line: string) => {
      this.#read(line)
      onLine(line)
    }
    for (const input of [stdout, stderr]) if (input !== null) createInterface({ input }).on('line', take)
    this.#ended = new Promise((resolve) => {
      const end = () => {
        this.hasEnded = true
        if (pid !== undefined) release('pid', pid)
        resolve()
      }
      this.#child.once('close', end)
      this.#child.once('error', end)
    })
  }

  /** CPU seconds so far; to be asked while it runs. */
  cpuSeconds(): number {
    this.#cpuSeconds = cpuSecondsOf(this.#child.pid) ?? this.#cpuSeconds
    return this.#cpuSeconds
  }

  peakRssMb(): number {
    this.#peakRssMb = Math.max(this.#peakRssMb, peakRssMbOf(this.#child.pid) ?? 0)
    return this.#peakRssMb
  }

  /** What `peakRssMb` says from now on is of what comes. */
  forgetPeakRss(): void {
    forgetPeakRss(this.#child.pid)
    this.#peakRssMb = 0
  }

  /** The first line of this event. Rejects when the process ends without it, or after `timeoutMs`. */
  async event(name: string, timeoutMs = 120_000): Promise<LogEvent> {
    const deadlineMs = performance.now() + timeoutMs
    for (;;) {
      const found = this.events.find(({ event }) => event === name)
      if (found !== undefined) return found
      if (this.hasEnded || performance.now() > deadlineMs) throw new Error(`the engine never said ${name}:\n${this.tail()}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  tail(): string {
    return this.lastLines.join('\n')
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await this.#ended
    clearTimeout(patience)
  }

  #read(line: string): void {
    if (line === 'FIRST_RECORD') this.firstRecordAtMs ??= performance.now()
    this.lastLines.push(line)
    if (this.lastLines.length > KEPT_LINES) this.lastLines.shift()
    if (!line.startsWith('{')) return
    try {
      this.events.push(JSON.parse(line))
    } catch {
      // Not a line of the log.
    }
  }
}
