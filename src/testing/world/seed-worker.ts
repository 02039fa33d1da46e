/** A thread that runs seeds, one after another, as it is told (seed-pool.ts). */
import { parentPort } from 'node:worker_threads'
import { toError } from '../../common/errors.ts'
import { CHANCE } from './chance.ts'
import { runnerOf } from './run-named.ts'
import type { NamedSeed, SeedReport } from './seed-pool.ts'

/** Of the seed that runs. */
let unhandled: string | undefined
process.on('unhandledRejection', (reason) => {
  unhandled ??= `a rejection that nobody handles: ${toError(reason).stack}`
})

parentPort?.on('message', (wanted: NamedSeed) => {
  void run(wanted).then((report) => parentPort?.postMessage(report))
})

async function run(wanted: NamedSeed): Promise<SeedReport> {
  unhandled = undefined
  try {
    const { wrong, events, world } = await runnerOf(wanted.schedule)(wanted.seed)
    if (wanted.schedule !== CHANCE) world.coverage.add(`schedule: ${wanted.schedule}`)
    // Rejections are told of in a turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve))
    return { ...wanted, wrong: wrong ?? unhandled, events, covered: world.coverage.all }
  } catch (thrown) {
    return { ...wanted, wrong: toError(thrown).stack, events: 0, covered: new Map() }
  }
}
