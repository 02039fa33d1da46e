import type { Schedule } from './schedule.ts'

/** R11, R12, R24, R26: what an aborted checkpoint leaves to the one behind it. */
export const abortedThenComplete: Schedule = {
  name: 'aborted-then-complete',
  about: 'a checkpoint is aborted, the next one complete; all die at the first commit, some transactions expire',
  workers: 1,
  input: { intervalMs: 10 },
  async strike(adversary) {
    const { random, world } = adversary
    const { transactions } = world.kafka
    await adversary.someCheckpoints()
    const metadata = () => adversary.put((path) => path.endsWith('metadata.json'))
    const aborted = adversary.log.view.lastCheckpoint + 1
    for (;;) {
      const put = await metadata()
      if (adversary.log.view.lastCheckpoint <= aborted) {
        put.fail()
        continue
      }
      put.pass()
      break
    }
    const commit = await adversary.commit()
    const fate = random.pick(['nothing expires', 'the oldest expires', 'all but the oldest expire'] as const)
    if (fate === 'all but the oldest expire') commit.pass()
    adversary.crashAll()
    commit.lose()
    await adversary.sleep(random.between(10, 100))
    if (fate === 'the oldest expires') transactions.expire(commit.input.transactionalId)
    if (fate === 'all but the oldest expire') for (const id of transactions.open) transactions.expire(id)
    await adversary.sleep(random.between(0, 2_000))
    adversary.start(1, random.chance(0.5) ? 'same machines' : 'fresh machines')
  },
}
