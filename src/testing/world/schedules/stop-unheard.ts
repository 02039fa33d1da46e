import type { Schedule } from './schedule.ts'

/** R3, R15: a stop is for all that take part, also for those that have not heard of it. */
export const stopUnheard: Schedule = {
  name: 'stop-unheard',
  about: 'the leader stands still with the end of the job on its way; it arrives when another is about to claim an epoch',
  workers: 1,
  async strike(adversary) {
    const { random, log } = adversary
    await adversary.someCheckpoints()
    const isCancelled = random.chance(0.5)
    adversary.ask(isCancelled ? { type: 'cancel-requested' } : { type: 'savepoint-requested', to: null, isStop: true })
    const stopped = await adversary.record('job-stopped')
    stopped.process.pause()
    adversary.start(2)
    const claim = await adversary.record('epoch-claimed')
    stopped.pass()
    await adversary.until('the end of the job', () => log.view.epochState === 'stopped')
    claim.pass()
    await adversary.sleep(random.between(0, 2_000))
    stopped.process.resume()
    await adversary.sleep(random.between(0, 2_000))
    adversary.start(2)
  },
}
