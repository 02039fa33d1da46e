import type { Schedule } from './schedule.ts'

/** R7, R13: a savepoint in place of what the job has done since. */
export const takenInPlace: Schedule = {
  name: 'taken-in-place',
  about: 'a job goes back to a savepoint of its own by force; who copies it dies on the way, and all die once more later',
  workers: 2,
  // Keys that nobody has met yet come all the time.
  input: { records: 300, keys: 120 },
  async strike(adversary) {
    const { random, log, world } = adversary
    await adversary.someCheckpoints()
    const { done } = adversary.ask({ type: 'savepoint-requested', to: null, isStop: false })
    const answer = await done
    if (answer instanceof Error || answer.savepoint === undefined) throw new Error('nothing else goes wrong meanwhile')
    const { checkpoint, uri, sha256 } = answer.savepoint
    const passed = (number: number) => () => (log.view.restorePoint?.checkpoint ?? 0) > number
    await adversary.until('checkpoints behind it', passed(checkpoint + 3))
    adversary.crashAll()
    world.launch = { ...world.launch, from: uri, isForced: true }
    adversary.start(2)
    const taken = await adversary.record('savepoint-restored')
    if (random.chance(0.5)) taken.pass()
    adversary.crash(taken.process)
    taken.lose()
    await adversary.sleep(random.between(0, 1_000))
    adversary.start(2, random.chance(0.7) ? 'same machines' : 'fresh machines')
    await adversary.until('the savepoint', () => log.view.restoredFrom?.sha256 === sha256 && log.view.epochState === 'started')
    await adversary.until('checkpoints behind it', passed(log.view.lastCheckpoint + random.below(3)))
    adversary.crashAll()
    adversary.start(3)
  },
}
