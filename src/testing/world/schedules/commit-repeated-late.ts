import { Produce } from '../../../../connectors/kafka/client/requests/produce-request.ts'
import type { Schedule } from './schedule.ts'

/** R22: the identity of a transaction is never that of another. */
export const commitRepeatedLate: Schedule = {
  name: 'commit-repeated-late',
  about: 'a commit is repeated, and its first try arrives when its slot is in use again',
  workers: 1,
  world: { config: { transactionSlots: 2, checkpointTolerableFailures: 0 } },
  async strike(adversary) {
    await adversary.someCheckpoints()
    const late = await adversary.commit()
    const { transactionalId } = late.input
    const repeated = adversary.commit((input) => input.transactionalId === transactionalId)
    late.breakOff()
    const commit = await repeated
    commit.pass()
    for (let batches = 1 + adversary.random.below(3); batches > 0; batches--) {
      const output = await adversary.request(Produce, (input) => input.transactionalId === transactionalId)
      output.pass()
    }
    late.pass()
    await adversary.sleep(adversary.random.between(0, 1_000))
  },
}
