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

/** In no order. Ends when all have been reported; rejects when a thread ends by itself. */
export async function runSeeds(seeds: Iterable<NamedSeed>, onReport: (report: SeedReport) => void): Promise<void> {
  const waiting = seeds[Symbol.iterator]()
  await Promise.all(Array.from({ length: availableParallelism() }, () => runInThread(waiting, onReport)))
}

async function runInThread(waiting: Iterator<NamedSeed>, onReport: (report: SeedReport) => void): Promise<void> {
  const thread = new Worker(new URL('./seed-worker.ts', import.meta.url), { resourceLimits: RESOURCES })
  try {
    await new Promise<void>((resolve, reject) => {
      const next = () => {
        const { done, value } = waiting.next()
        if (done === true) resolve()
        else thread.postMessage(value)
      }
      thread.on('message', (report: SeedReport) => {
        onReport(report)
        next()
      })
      thread.on('error', reject)
      thread.on('exit', (code) => reject(new Error(`a thread that runs seeds has ended with code ${code}`)))
      next()
    })
  } finally {
    await thread.terminate()
  }
}

export function* seedsByChance(from: number, count: number): Generator<NamedSeed> {
  for (let seed = from; seed < from + count; seed++) yield { seed, schedule: CHANCE }
}
