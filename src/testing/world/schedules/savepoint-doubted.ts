import type { Schedule } from './schedule.ts'

/** R2, R15: a record that nobody has read back may count all the same. */
export const savepointDoubted: Schedule = {
  name: 'savepoint-doubted',
  about: 'who has made a savepoint is told to stop, and ends without an answer of the log; what it has sent arrives late',
  workers: 1,
  async strike(adversary) {
    const { random, world } = adversary
    await adversary.someCheckpoints()
    const { process } = adversary.ask({ type: 'savepoint-requested', to: null, isStop: random.chance(0.5) })
    const told = await adversary.record('savepoint-completed')
    // It is sent again and again.
    const holdOthers = async (): Promise<void> => {
      for (;;) await adversary.record('savepoint-completed')
    }
    void holdOthers()
    const [worker] = world.running
    worker?.stop()
    await adversary.until('its end', () => worker?.end !== undefined)
    told.pass()
    await adversary.sleep(random.between(0, 2_000))
    process.crash()
    adversary.start(2)
  },
}
