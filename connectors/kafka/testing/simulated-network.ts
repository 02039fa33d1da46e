/** The network between simulated processes and the brokers of the model, and the clients that speak over it. */
import { MillraceError } from '../../../src/common/errors.ts'
import { type Logger, silentLogger } from '../../../src/common/logger.ts'
import type { SimulatedProcess } from '../../../src/testing/simulator/simulated-process.ts'
import type { Simulation } from '../../../src/testing/simulator/simulation.ts'
import type { BrokerVersions } from '../client/api-versions.ts'
import { KafkaClient } from '../client/client.ts'
import type { Connect } from '../client/connection.ts'
import type { Gate } from './held-request.ts'
import type { KafkaModel } from './kafka-model.ts'
import { type NetworkConditions, SimulatedConnection } from './simulated-connection.ts'

/** Kafka 4.1's, of the one that the product looks at: AddPartitionsToTxn, for KIP-890. */
const VERSIONS: BrokerVersions = { errorCode: 0, ranges: new Map([[24, { min: 0, max: 5 }]]), features: new Map() }

export const CALM: NetworkConditions = {
  latencyMs: { least: 0.1, most: 1.5 },
  requestLoss: 0,
  answerLoss: 0,
  lateArrival: 0,
  lateMs: 0,
}

export class SimulatedNetwork {
  conditions: NetworkConditions = CALM
  /** Asked of each request before it is carried out. */
  gate: Gate | undefined
  private readonly simulation: Simulation
  private readonly kafka: KafkaModel
  private readonly connections = new Set<SimulatedConnection>()
  /** `process/broker` that can't reach one another. */
  private readonly cuts = new Set<string>()

  constructor(simulation: Simulation, kafka: KafkaModel) {
    this.simulation = simulation
    this.kafka = kafka
    kafka.whenCrashed((broker) => {
      for (const connection of [...this.connections]) if (connection.broker === broker) connection.brokerCrashed()
    })
  }

  /** A client of a process: the product's own, but for its sockets. */
  client(process: SimulatedProcess, logger: Logger = silentLogger, requestTimeoutMs = 30_000): Promise<KafkaClient> {
    const { clock, random, name } = process
    const options = {
      brokers: this.kafka.bootstrap,
      clientId: name,
      logger,
      clock,
      requestTimeoutMs,
      random: () => random.next(),
    }
    return KafkaClient.connect(options, this.connector(process))
  }

  /** Breaks one connection in so many, of all or of one process. */
  breakConnections(share: number, process?: SimulatedProcess): void {
    for (const connection of [...this.connections]) {
      if (process !== undefined && connection.process !== process) continue
      if (connection.process.random.chance(share)) connection.break('the network fails')
    }
  }

  /** Until `heal`: connections between the two stay silent, new ones come to nothing. */
  cut(process: SimulatedProcess, brokerId: number): void {
    this.cuts.add(`${process.index}/${brokerId}`)
    this.simulation.note(process, `cut off from broker ${brokerId}`)
    for (const connection of [...this.connections]) {
      if (connection.process === process && connection.broker.id === brokerId) connection.break('cut off')
    }
  }

  heal(process: SimulatedProcess, brokerId: number): void {
    this.cuts.delete(`${process.index}/${brokerId}`)
    this.simulation.note(process, `reaches broker ${brokerId} again`)
  }

  private connector(process: SimulatedProcess): Connect {
    process.whenDead(() => {
      for (const connection of [...this.connections])
        if (connection.process === process) connection.break('the process is gone')
    })
    return (address, { connectionTimeoutMs, clientId }) =>
      new Promise((resolve, reject) => {
        const broker = this.kafka.brokers.find(({ host, port }) => host === address.host && port === address.port)
        const isCut = broker !== undefined && this.cuts.has(`${process.index}/${broker.id}`)
        const waitMs = isCut ? connectionTimeoutMs : process.random.between(0.2, 3)
        process.after(waitMs, 'connect', () => {
          if (broker === undefined || !broker.isUp || isCut) {
            reject(new MillraceError('MR_KAFKA_UNREACHABLE', `broker ${address.host}:${address.port} cannot be reached`))
            return
          }
          const connection = new SimulatedConnection({
            simulation: this.simulation,
            process,
            kafka: this.kafka,
            broker,
            clientId,
            versions: VERSIONS,
            conditions: () => this.conditions,
            gate: () => this.gate,
            onEnd: (ended) => this.connections.delete(ended),
          })
          this.connections.add(connection)
          resolve(connection)
        })
      })
  }
}
