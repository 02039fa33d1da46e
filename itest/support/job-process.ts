/** A job as its users run it: a process of its own, whose log lines tests read and which they kill. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { guard, release } from './leftovers.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface JobOptions {
  /** Relative to the repository. */
  readonly job: string
  /** Options of `millrace run`: name → value. */
  readonly options: Readonly<Record<string, string | number>>
  readonly env?: Readonly<Record<string, string>>
  /** Default: the real one. */
  readonly program?: string
}

/** Without the options of the tests: a job refuses MILLRACE_ variables that it doesn't know. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('MILLRACE_')))
}

export interface LogLine {
  readonly event: string
  readonly [field: string]: unknown
}

export interface Ended {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
}

export class JobProcess {
  readonly lines: LogLine[] = []
  /** What is not JSON, and standard error. */
  readonly output: string[] = []
  readonly ended: Promise<Ended>
  private readonly child: ChildProcess
  private readonly waiting = new Set<() => void>()
  private ending: Ended | undefined

  constructor({ job, options, env = {}, program = 'src/main.ts' }: JobOptions) {
    const flags = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
    const args = [
      '--conditions=millrace-source',
      program,
      'run',
      job,
      '--log-format',
      'json',
      '--metrics-port',
      'off',
      ...flags,
    ]
    this.child = spawn(process.execPath, args, {
      cwd: ROOT,
      env: { ...cleanEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    guard('pid', this.child.pid!)
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.read(line))
    createInterface({ input: this.child.stderr! }).on('line', (line) => this.output.push(line))
    this.ended = once(this.child, 'close').then(([exitCode, signal]) => {
      release('pid', this.child.pid!)
      this.ending = { exitCode, signal }
      this.wake()
      return this.ending
    })
  }

  get pid(): number {
    return this.child.pid!
  }

  get hasEnded(): boolean {
    return this.ending !== undefined
  }

  /** Resolves with the first line that fits; rejects when the process ends before, or after `timeoutMs`. */
  async line(fits: (line: LogLine) => boolean, timeoutMs = 60_000): Promise<LogLine> {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const found = this.lines.find(fits)
      if (found !== undefined) return found
      if (this.ending !== undefined) throw new Error(`the job has ended (${JSON.stringify(this.ending)}):\n${this.tail()}`)
      const left = deadline - Date.now()
      if (left <= 0) throw new Error(`no such line within ${timeoutMs} ms:\n${this.tail()}`)
      await this.moved(left)
    }
  }

  event(name: string, timeoutMs?: number): Promise<LogLine> {
    return this.line((line) => line.event === name, timeoutMs)
  }

  /** How many lines of this event there are now. */
  count(event: string): number {
    return this.lines.filter((line) => line.event === event).length
  }

  /** How it ended; rejects with the end of what it wrote when it still runs after `timeoutMs`. */
  async end(timeoutMs = 60_000): Promise<Ended> {
    const deadline = Date.now() + timeoutMs
    while (this.ending === undefined) {
      const left = deadline - Date.now()
      if (left <= 0) throw new Error(`the job has not ended within ${timeoutMs} ms:\n${this.tail()}`)
      await this.moved(left)
    }
    return this.ending
  }

  kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ended> {
    this.child.kill(signal)
    return this.end()
  }

  /** The end of everything it wrote, for messages. */
  tail(count = 30): string {
    return [...this.lines.slice(-count).map((line) => JSON.stringify(line)), ...this.output.slice(-count)].join('\n')
  }

  private read(line: string): void {
    try {
      this.lines.push(JSON.parse(line))
    } catch {
      this.output.push(line)
    }
    this.wake()
  }

  private wake(): void {
    for (const one of [...this.waiting]) one()
  }

  /** Resolves at the next line, at its end, or after `timeoutMs`. */
  moved(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, timeoutMs)
      this.waiting.add(done)
    })
  }
}
