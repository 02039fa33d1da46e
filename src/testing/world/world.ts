/**
 * The whole product in a simulated world: workers run the code that users run, from the group protocol to the record
 * batches; Kafka, the network, storage, disks and time are models. One seed decides everything that happens.
 */
import { controlTopic, KafkaControlLog } from '../../../connectors/kafka/control/kafka-control-log.ts'
import { exchangeTopic } from '../../../connectors/kafka/exchange/exchange-topics.ts'
import { KafkaExchange } from '../../../connectors/kafka/exchange/kafka-exchange.ts'
import { createGroupMembership } from '../../../connectors/kafka/group/create-group-membership.ts'
import { CLIENT_KEY, SharedClient } from '../../../connectors/kafka/shared-client.ts'
import { KafkaModel } from '../../../connectors/kafka/testing/kafka-model.ts'
import { SimulatedNetwork } from '../../../connectors/kafka/testing/simulated-network.ts'
import type { Config } from '../../config/config.ts'
import { layerOfJob } from '../../config/layers.ts'
import { resolveConfig } from '../../config/resolve.ts'
import type { MetricsPort } from '../../ports/connector-context.ts'
import { type RunningWorker, startWorker, type WorkerEnd } from '../../runtime/worker.ts'
import { WORKER_BOUNDS, type WorkerBounds } from '../../runtime/worker-bounds.ts'
import { WorkerStatus } from '../../runtime/worker-status.ts'
import { SimulatedDisk } from '../simulator/simulated-disk.ts'
import { SimulatedProcess } from '../simulator/simulated-process.ts'
import { SimulatedStorage } from '../simulator/simulated-storage.ts'
import { Simulation } from '../simulator/simulation.ts'
import { StorageFolder } from '../storage-folder.ts'
import { Coverage } from './coverage.ts'
import { InvariantChecker } from './invariants/invariant-checker.ts'
import { tracingLogger } from './tracing-logger.ts'
import { APPLICATION, INPUT, type Release, transferJob } from './transfer-job.ts'
import { WatchedControlLog } from './watched-control-log.ts'

export interface WorldOptions {
  /** Default 1. */
  readonly brokers?: number
  /** On top of the world's own. */
  readonly config?: Readonly<Record<string, unknown>>
  readonly bounds?: Partial<WorkerBounds>
  readonly keepTrace?: boolean
}

/** Short, so that much happens in little time. */
const CONFIG = {
  appId: APPLICATION,
  brokers: 'kafka-1:9092',
  checkpoints: 'file:///simulated',
  checkpointInterval: 200,
  checkpointTimeout: 10_000,
  checkpointTolerableFailures: 6,
  transactionSlots: 8,
  transactionTimeout: 600_000,
  sessionTimeout: 1_500,
  heartbeatInterval: 150,
  rebalanceTimeout: 5_000,
  recoveryTimeout: 60_000,
  restoreTimeout: 60_000,
  shutdownTimeout: 20_000,
  restartStrategy: 'fixed-delay',
  restartAttempts: 1_000,
  restartDelay: 100,
  kafkaRequestTimeout: 5_000,
}

export const NO_METRICS: MetricsPort = { counter: () => ({ add() {} }), gauge() {} }

export interface SimulatedWorker {
  readonly name: string
  readonly machine: number
  readonly release: Release
  readonly process: SimulatedProcess
  readonly status: WorkerStatus
  readonly stop: () => void
  /** Undefined while it runs, and for ever if it crashed. */
  end: WorkerEnd | undefined
}

export class World {
  readonly simulation: Simulation
  readonly kafka: KafkaModel
  readonly network: SimulatedNetwork
  readonly storage: SimulatedStorage
  readonly config: Config
  readonly bounds: WorkerBounds
  readonly workers: SimulatedWorker[] = []
  /** Told of each worker whose end is not a crash. */
  onEnd: (worker: SimulatedWorker) => void = () => {}
  /** What no fault excuses. */
  readonly bugs: string[] = []
  readonly checker: InvariantChecker
  readonly coverage = new Coverage()
  readonly disks = new Map<number, SimulatedDisk>()

  constructor(seed: number, { brokers = 1, config = {}, bounds = {}, keepTrace = false }: WorldOptions = {}) {
    this.bounds = { ...WORKER_BOUNDS, ...bounds }
    this.simulation = new Simulation(seed, { keepTrace })
    this.kafka = new KafkaModel(this.simulation, { brokers })
    this.kafka.groups.times.sessionTimeoutMs.least = 1_000
    this.network = new SimulatedNetwork(this.simulation, this.kafka)
    this.storage = new SimulatedStorage(this.simulation)
    this.checker = new InvariantChecker({
      kafka: this.kafka,
      storage: this.storage,
      controlTopic: controlTopic(APPLICATION),
      topicOf: (exchange) => exchangeTopic(APPLICATION, exchange),
      onViolation: (what) => this.bugs.push(what),
    })
    this.config = resolveConfig([layerOfJob({ ...CONFIG, brokers: this.kafka.bootstrap.join(','), ...config })]).config
  }

  /** Those whose processes are there, paused ones among them. */
  get running(): readonly SimulatedWorker[] {
    return this.workers.filter((worker) => worker.process.isAlive)
  }

  /** A process on a machine, whose disk outlives it. One at a time per machine. */
  start(machine: number, release: Release = 'job'): SimulatedWorker {
    const { simulation, network, storage, config, checker, coverage, bounds } = this
    const name = `w${machine}.${this.workers.length}`
    const process = new SimulatedProcess(simulation, name)
    const logger = tracingLogger(
      simulation,
      process,
      (what) => this.bugs.push(what),
      (event) => coverage.add(`logged: ${event}`),
    )
    const { graph } = transferJob(release)
    const disk = this.diskOf(machine)
    const status = new WorkerStatus()
    const connect = () => network.client(process, logger, config.kafkaRequestTimeoutMs)
    const running: RunningWorker = startWorker({
      name,
      host: `machine-${machine}`,
      applicationId: APPLICATION,
      graph,
      config,
      clock: process.clock,
      random: () => process.random.next(),
      logger,
      metrics: NO_METRICS,
      bounds,
      status,
      storage: storage.of(process),
      openStorage: async (uri) => new StorageFolder(storage.of(process), uri),
      backends: () => [disk.of(process)],
      createControlLog(context) {
        context.share(CLIENT_KEY, () => new SharedClient(connect), 'worker')
        return new WatchedControlLog(new KafkaControlLog(context), (offset, value) => checker.onRead(name, offset, value))
      },
      createMembership: (context) => createGroupMembership(context, { topics: () => [INPUT] }),
      createExchange: (context) => new KafkaExchange(context),
    })
    const worker: SimulatedWorker = { name, machine, release, process, status, stop: running.stop, end: undefined }
    this.workers.push(worker)
    void running.done.then((end) => {
      worker.end = end
      simulation.note(process, end.ok ? 'stopped' : `ended: ${end.error.message}`)
      // Whatever it has left behind (timers, connections) ends with its process.
      process.crash()
      this.onEnd(worker)
    })
    return worker
  }

  private diskOf(machine: number): SimulatedDisk {
    const known = this.disks.get(machine)
    if (known !== undefined) return known
    const disk = new SimulatedDisk(`disk ${machine}`)
    this.disks.set(machine, disk)
    this.checker.watchDisk(disk)
    return disk
  }
}
