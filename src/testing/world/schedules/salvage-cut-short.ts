import type { Schedule } from './schedule.ts'

/** R27: a salvage stands in the log before it is committed. */
export const salvageCutShort: Schedule = {
  name: 'salvage-cut-short',
  about: 'all die with a checkpoint complete and a transaction expired; who salvages it dies before the log tells, or behind',
  workers: 2,
  async strike(adversary) {
    const { random, world } = adversary
    await adversary.someCheckpoints()
    const commit = await adversary.commit()
    adversary.crashAll()
    commit.lose()
    await adversary.sleep(10)
    world.kafka.transactions.expire(commit.input.transactionalId)
    await adversary.sleep(random.between(0, 1_000))
    for (let isWritten = false; !isWritten; ) {
      adversary.start(2)
      const salvaged = await adversary.record('transaction-salvaged')
      isWritten = random.chance(0.5)
      if (isWritten) salvaged.pass()
      adversary.crash(salvaged.process)
      salvaged.lose()
    }
    await adversary.sleep(random.between(0, 2_000))
    adversary.start(2)
  },
}
