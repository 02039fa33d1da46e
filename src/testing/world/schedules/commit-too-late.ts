import type { Schedule } from './schedule.ts'

/** R25, R26: the transaction has expired, and its end is not to be seen yet. */
export const commitTooLate: Schedule = {
  name: 'commit-too-late',
  about: 'Kafka aborts a transaction before the commit of a complete checkpoint arrives; the abort takes its time',
  workers: 2,
  async strike(adversary) {
    const { random, world } = adversary
    const { transactions } = world.kafka
    await adversary.someCheckpoints()
    transactions.times.markerMs = random.pick([5, 1_000, 4_000])!
    const commit = await adversary.commit()
    transactions.expire(commit.input.transactionalId)
    await adversary.sleep(random.between(2, 20))
    const survives = random.chance(0.5)
    if (!survives) adversary.crash(commit.process)
    commit.pass()
    await adversary.sleep(random.between(1_000, 5_000))
    transactions.times.markerMs = 5
    adversary.start(2)
  },
}
