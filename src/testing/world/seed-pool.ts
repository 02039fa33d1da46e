/** Runs seeds on all cores: each thread takes the next one when it has finished one. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { CHANCE } from './chance.ts'

export interface NamedSeed {
  readonly seed: number
  /** CHANCE: none. */
  readonly schedule: string
}

export interface SeedReport extends NamedSeed {
  /** Undefined: nothing. */
  readonly wrong: string | undefined
  readonly events: number
  /** What has happened, and how often. */
  readonly covered: ReadonlyMap<string, number>
}

/** Most of what a seed makes is gone with it: a larger nursery spares half of the collector's work. */
const RESOURCES = { maxYoungGenerationSizeMb: 64 }

/** Loading the product takes a thread as long as some seeds do, so threads stay until `close`. */
export class SeedPool {
  private readonly threads = Array.from(
    { length: availableParallelism() },
    () => new Worker(new URL('./seed-worker.ts', import.meta.url), { resourceLimits: RESOURCES }),
  )

  /** In no order. Ends when all have been reported; rejects when a thread ends by itself. One call at a time. */
  async run(seeds: Iterable<NamedSeed>, onReport: (report: SeedReport) => void): Promise<void> {
    const waiting = seeds[Symbol.iterator]()
    await Promise.all(this.threads.map((thread) => runInThread(thread, waiting, onReport)))
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map((thread) => thread.terminate()))
  }
}

async function runInThread(
  thread: Worker,
  waiting: Iterator<NamedSeed>,
  onReport: (report: SeedReport) => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const next = () => {
    const { done, value } = waiting.next()
    if (done === true) resolve()
    else thread.postMessage(value)
  }
  const onMessage = (report: SeedReport) => {
    onReport(report)
    next()
  }
  const onExit = (code: number) => reject(new Error(`a thread that runs seeds has ended with code ${code}`))
  thread.on('message', onMessage)
  thread.on('error', reject)
  thread.on('exit', onExit)
  next()
  try {
    await promise
  } finally {
    thread.off('message', onMessage)
    thread.off('error', reject)
    thread.off('exit', onExit)
  }
}

export function* seedsByChance(from: number, count: number): Generator<NamedSeed> {
  for (let seed = from; seed < from + count; seed++) yield { seed, schedule: CHANCE }
}
