/** A server as a process of this machine: its log in a file, its end awaited, never left behind. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { guard, release } from './leftovers.ts'
import { untilReady } from './until-ready.ts'

const TERMINATION_TIMEOUT_MS = 60_000

export interface ServerCommand {
  /** For messages: "Kafka 4.1.0 on 127.0.0.1:29092". */
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** All output of all starts is appended here. */
  readonly logFile: string
  /** Asks the server itself whether it serves. */
  isReady(): Promise<boolean>
}

export class ServerProcess {
  readonly command: ServerCommand
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()

  constructor(command: ServerCommand) {
    this.command = command
  }

  /** Undefined while it is stopped. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Resolves when the server serves. */
  async start(): Promise<void> {
    if (this.#child !== undefined) throw new Error(`${this.command.name} is running already`)
    const { program, args, env, logFile } = this.command
    const log = openSync(logFile, 'a')
    const child = spawn(program, args, { stdio: ['ignore', log, log], env: { ...process.env, ...env } })
    closeSync(log)
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message))
      child.once('exit', (code, signal) =>
        resolve(signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`),
      )
    })
    const pid = child.pid
    if (pid !== undefined) guard('pid', pid)
    this.#child = child
    this.#ended = ended.then(() => {
      if (pid !== undefined) release('pid', pid)
      this.#child = undefined
    })
    // A test that forgets to close a server must still be able to end: the watchdog ends the server then.
    child.unref()
    let end: string | undefined
    void ended.then((how) => {
      end = how
    })
    await untilReady({
      name: this.command.name,
      isReady: () => this.command.isReady(),
      howItEnded: async () => end,
      logs: () => this.logs(),
      stop: () => this.stop('SIGKILL'),
    })
  }

  /** Resolves when the process is gone. Nothing happens when it isn't running. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    child.ref()
    child.kill(signal)
    // A process that was paused takes no SIGTERM before it goes on.
    child.kill('SIGCONT')
    const patience = setTimeout(() => child.kill('SIGKILL'), TERMINATION_TIMEOUT_MS)
    await this.#ended
    clearTimeout(patience)
  }

  /** The process stands still, its connections stay open: like a long garbage collection or a hung machine. */
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  logs(): Promise<string> {
    return readFile(this.command.logFile, 'utf8')
  }
}
