import { Produce } from '../../../../connectors/kafka/client/requests/produce-request.ts'
import { wallTimeMs } from '../../simulator/simulated-clock.ts'
import { EXCHANGE } from '../transfer-job.ts'
import type { Schedule } from './schedule.ts'

/** R18: what brokers should have found to be a repeat. */
export const producerForgotten: Schedule = {
  name: 'producer-forgotten',
  about: 'a batch of an exchange is written, the answer lost, and the producer forgotten before it is sent again',
  workers: 2,
  async strike(adversary) {
    await adversary.someCheckpoints()
    const { world, random } = adversary
    const partition = random.below(3)
    const isThere = ({ batches }: { batches: readonly { topic: string; partition: number }[] }) =>
      batches.some((batch) => batch.topic === EXCHANGE && batch.partition === partition)
    const produced = await adversary.request(Produce, isThere)
    produced.pass()
    produced.breakOff()
    world.kafka.partition(EXCHANGE, partition)?.forgetProducersBefore(wallTimeMs(world.simulation.nowMs) + 1)
    await adversary.sleep(random.between(500, 1_000))
  },
}
