import type { Schedule } from './schedule.ts'

/** R3, R4: a claim whose author doesn't know of the claim before it. */
export const claimTooLate: Schedule = {
  name: 'claim-too-late',
  about: 'a leader stands still with its claim on its way; it arrives when others run an epoch that was claimed meanwhile',
  workers: 3,
  async strike(adversary) {
    const { random, log, world } = adversary
    await adversary.someCheckpoints()
    const { claim, epoch } = log.view
    const other = world.running.find(({ name }) => name !== claim?.members[0]?.worker)
    if (other !== undefined) adversary.crash(other.process)
    const late = await adversary.record('epoch-claimed')
    late.process.pause()
    adversary.start(3)
    await adversary.until('the next epoch', () => log.view.epoch > epoch && log.view.epochState === 'started')
    await adversary.sleep(random.between(0, 500))
    if (random.chance(0.5)) late.process.resume()
    late.pass()
    await adversary.sleep(random.between(0, 1_000))
    late.process.resume()
  },
}
