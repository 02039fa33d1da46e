import type { Schedule } from './schedule.ts'

/** R13, R14: a job that is given up for good, and one of its name that has nothing to do with it. */
export const forgottenAndBegunAgain: Schedule = {
  name: 'forgotten-and-begun-again',
  about: 'a job is cancelled and forgotten, and begun anew before all that it had is deleted',
  workers: 2,
  world: { config: { retainOnCancel: 'delete' } },
  input: { records: 200, keys: 60 },
  async strike(adversary) {
    const { random, log, world } = adversary
    await adversary.someCheckpoints()
    adversary.ask({ type: 'cancel-requested' })
    const stopped = await adversary.record('job-stopped')
    const { lastCheckpoint } = log.view
    stopped.pass()
    await adversary.until('the end of the job', () => log.view.epochState === 'stopped')
    stopped.process.pause()
    await adversary.until('the end of the others', () => world.running.every(({ process }) => process.isPaused))
    adversary.start(2, random.chance(0.5) ? 'same machines' : 'fresh machines')
    const wanted = lastCheckpoint + 1 + random.below(4)
    await adversary.until('new checkpoints', () => (log.view.restorePoint?.checkpoint ?? 0) > wanted)
    stopped.process.resume()
    await adversary.sleep(random.between(0, 2_000))
    adversary.crashAll()
    adversary.start(3)
  },
}
