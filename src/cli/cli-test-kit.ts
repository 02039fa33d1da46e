/** For tests of the command line: streams that collect, signals by hand, a job that is told when to end. */
import { EventEmitter } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { after } from 'node:test'
import { systemClock } from '../common/clock.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import type { CliEnvironment, JobEnd, StartContext } from './cli-environment.ts'

export class Output extends Writable {
  text = ''
  readonly isTTY: boolean
  readonly columns = 100

  constructor(isTTY = false) {
    super()
    this.isTTY = isTTY
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }

  /** Without colours. */
  get plain(): string {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
    return this.text.replace(/\u001b\[\d+m/g, '')
  }
}

/** A job that runs until it is told to end. */
export class JobByHand {
  readonly stops: string[] = []
  context: StartContext | undefined
  readonly #end = Promise.withResolvers<JobEnd>()
  readonly #started = Promise.withResolvers<StartContext>()
  /** What a stop does: by default it ends the job well. */
  onStop: () => void = () => this.end({ ok: true })

  readonly started: Promise<StartContext> = this.#started.promise

  end(end: JobEnd): void {
    this.#end.resolve(end)
  }

  readonly start: CliEnvironment['startJob'] = async (context) => {
    this.context = context
    this.#started.resolve(context)
    return {
      done: this.#end.promise,
      stop: async (reason) => {
        this.stops.push(reason)
        this.onStop()
      },
    }
  }
}

export interface TestCli extends CliEnvironment {
  readonly stdout: Output
  readonly stderr: Output
  readonly signals: EventEmitter
  readonly job: JobByHand
}

export async function testFolder(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-cli-'))
  after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return folder
}

export function testCli(directory: string, own: Partial<CliEnvironment> & { isTTY?: boolean } = {}): TestCli {
  const { isTTY = false, ...rest } = own
  const job = new JobByHand()
  return {
    env: {},
    directory,
    clock: systemClock,
    startJob: job.start,
    openStorage: () => Promise.reject(new Error('no storage in this test')),
    openControlLog: () => Promise.reject(new Error('no control log in this test')),
    ...rest,
    stdout: new Output(isTTY),
    stderr: new Output(isTTY),
    signals: new EventEmitter(),
    job,
  }
}

/** A job definition as another copy of the package would make it, with nothing to import. */
export function jobFile(options = '{}', name = 'orders'): string {
  return `export default { [Symbol.for('millrace.job')]: true, name: '${name}', graph: {}, options: ${options} }\n`
}

/** Read-only storage over a record of files. */
export function storageOf(files: Readonly<Record<string, string>>): CheckpointStorage & { closed: boolean } {
  const unused = () => Promise.reject(new Error('not used in this test'))
  return {
    uri: 's3://bucket/jobs',
    closed: false,
    check: () => Promise.resolve(),
    put: unused,
    getRange: unused,
    delete: unused,
    get: (path) => Promise.resolve(Buffer.from(files[path] ?? '')),
    async *list(prefix) {
      for (const [path, text] of Object.entries(files).sort()) {
        if (path.startsWith(prefix)) yield { path, bytes: text.length, modifiedAtMs: 0 }
      }
    },
    async close() {
      this.closed = true
    },
  }
}
