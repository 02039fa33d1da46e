import { Produce } from '../../../../connectors/kafka/client/requests/produce-request.ts'
import { OUTPUT } from '../transfer-job.ts'
import type { Schedule } from './schedule.ts'

const NOT_ENOUGH_REPLICAS = 19

/** R23: output of two transactions on one partition. */
export const outputRefused: Schedule = {
  name: 'output-refused',
  about: 'a broker is slow with the last output of a transaction, and refuses it; that of the next one may be on its way',
  workers: 1,
  input: { records: 600, intervalMs: 10 },
  async strike(adversary) {
    const { random, world } = adversary
    await adversary.someCheckpoints()
    for (let times = 0; times < 5; times++) {
      const output = await adversary.request(Produce, ({ batches }) => batches.some(({ topic }) => topic === OUTPUT))
      await adversary.sleep(random.between(200, 600))
      world.kafka.logs.produceFault = () => NOT_ENOUGH_REPLICAS
      output.pass()
      world.kafka.logs.produceFault = () => 0
      await adversary.sleep(random.between(0, 200))
    }
  },
}
