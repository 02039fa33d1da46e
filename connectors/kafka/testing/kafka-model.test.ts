import { test } from 'node:test'
import { SimulatedProcess } from '../../../src/testing/simulator/simulated-process.ts'
import { Simulation } from '../../../src/testing/simulator/simulation.ts'
import type { KafkaClient } from '../client/client.ts'
import type { KafkaUnderContract } from './contract-kit.ts'
import { type ContractScript, kafkaContract } from './kafka-contract.ts'
import { KafkaModel } from './kafka-model.ts'
import { SimulatedNetwork } from './simulated-network.ts'

const RESTART_MS = 300

for (const [name, script] of Object.entries(kafkaContract)) test(name, () => runInSimulation(script))

/** With several seeds: answers must not depend on how long anything takes. */
async function runInSimulation(script: ContractScript): Promise<void> {
  for (let seed = 1; seed <= 3; seed++) {
    const simulation = new Simulation(seed)
    let outcome: { readonly error?: unknown } | undefined
    script(modelUnderContract(simulation)).then(
      () => (outcome = {}),
      (error) => (outcome = { error }),
    )
    await simulation.run(() => outcome !== undefined, { untilMs: 600_000 })
    if (outcome === undefined) throw new Error(`seed ${seed}: it never ends`)
    if (outcome.error !== undefined) throw outcome.error
  }
}

function modelUnderContract(simulation: Simulation): KafkaUnderContract {
  const kafka = new KafkaModel(simulation)
  kafka.transactions.times.expiryCheckMs = 500
  const network = new SimulatedNetwork(simulation, kafka)
  const process = new SimulatedProcess(simulation, 'contract')
  const clients: KafkaClient[] = []
  return {
    async connect() {
      const client = await network.client(process)
      clients.push(client)
      return client
    },
    async restart() {
      const [broker] = kafka.brokers
      kafka.crash(broker!)
      await process.clock.sleep(RESTART_MS)
      kafka.restart(broker!)
      await process.clock.sleep(RESTART_MS)
    },
  }
}
