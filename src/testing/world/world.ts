/**
 * The whole product in a simulated world: workers run the code that users run, from the group protocol to the record
 * batches; Kafka, the network, storage, disks and time are models. One seed decides everything that happens.
 */
import { KafkaControlLog } from '../../../connectors/kafka/control/kafka-control-log.ts'
import { KafkaExchange } from '../../../connectors/kafka/exchange/kafka-exchange.ts'
import { createGroupMembership } from '../../../connectors/kafka/group/create-group-membership.ts'
import { CLIENT_KEY, SharedClient } from '../../../connectors/kafka/shared-client.ts'
import { KafkaModel } from '../../../connectors/kafka/testing/kafka-model.ts'
import { SimulatedNetwork } from '../../../connectors/kafka/testing/simulated-network.ts'
import type { ControlRecord } from '../../checkpoint/protocol/control-records.ts'
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
import type { Saved } from './invariants/invariant.ts'
import { InvariantChecker } from './invariants/invariant-checker.ts'
import { SavepointShelf } from './savepoint-shelf.ts'
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

/** What its folders' URIs begin with. */
const STORAGE = 'simulated:'

export const NO_METRICS: MetricsPort = { counter: () => ({ add() {} }), gauge() {} }

/** How the person who runs the job starts copies of it. */
export interface Launch {
  readonly application: string
  /** The URI of a savepoint. */
  readonly from?: string
  /** In place of what the job has. */
  readonly isForced?: boolean
  /** Of the exchange; undefined: as many as the source has. */
  readonly partitions?: number | undefined
}

export interface SimulatedWorker {
  readonly name: string
  readonly application: string
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
  /** Told of each record of a control log that counts, when all invariants have seen it. */
  onRecord: (application: string, record: ControlRecord) => void = () => {}
  /** What no fault excuses. */
  readonly bugs: string[] = []
  readonly coverage = new Coverage()
  readonly shelf = new SavepointShelf(STORAGE)
  /** By application. */
  readonly checkers = new Map<string, InvariantChecker>()
  /** By application and machine. */
  readonly disks = new Map<string, SimulatedDisk>()
  /** Of all workers that are started from now on. */
  private launched: Launch = { application: APPLICATION }

  constructor(seed: number, { brokers = 1, config = {}, bounds = {}, keepTrace = false }: WorldOptions = {}) {
    this.bounds = { ...WORKER_BOUNDS, ...bounds }
    this.simulation = new Simulation(seed, { keepTrace })
    this.kafka = new KafkaModel(this.simulation, { brokers })
    this.kafka.groups.times.sessionTimeoutMs.least = 1_000
    this.network = new SimulatedNetwork(this.simulation, this.kafka)
    this.storage = new SimulatedStorage(this.simulation)
    this.checkerOf(APPLICATION)
    this.tellCheckers()
    this.config = resolveConfig([layerOfJob({ ...CONFIG, brokers: this.kafka.bootstrap.join(','), ...config })]).config
  }

  get launch(): Launch {
    return this.launched
  }

  set launch(launch: Launch) {
    this.launched = launch
    this.checkerOf(launch.application)
  }

  /** Of the job that is started now. */
  get checker(): InvariantChecker {
    return this.checkerOf(this.launched.application)
  }

  /** A person has no use for it any more. */
  release(saved: Saved): void {
    const { uri } = saved.record
    this.shelf.remove(saved)
    for (const checker of this.checkers.values()) checker.onReleased(uri)
    const folder = `${this.shelf.folderOf(uri)}/`
    const { files } = this.storage.files
    for (const path of [...files.keys()]) if (path.startsWith(folder)) files.delete(path)
  }

  /** Those whose processes are there, paused ones among them. */
  get running(): readonly SimulatedWorker[] {
    return this.workers.filter((worker) => worker.process.isAlive)
  }

  /** A process on a machine, whose disk outlives it. One at a time per machine. */
  start(machine: number, release: Release = 'job'): SimulatedWorker {
    const { simulation, network, storage, checker, coverage, bounds } = this
    const { application, from, isForced = false, partitions } = this.launched
    const config = { ...this.config, appId: application, from, fromForce: isForced }
    const name = `w${machine}.${this.workers.length}`
    const process = new SimulatedProcess(simulation, name)
    const logger = tracingLogger(
      simulation,
      process,
      (what) => this.bugs.push(what),
      (event) => coverage.add(`logged: ${event}`),
    )
    const { graph } = transferJob(release, partitions)
    const disk = this.diskOf(application, machine)
    const status = new WorkerStatus()
    const connect = () => network.client(process, logger, config.kafkaRequestTimeoutMs)
    const running: RunningWorker = startWorker({
      name,
      host: `machine-${machine}`,
      applicationId: application,
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
        return new WatchedControlLog(new KafkaControlLog(context), {
          onRead: (offset, value) => checker.onRead(name, offset, value),
          onAppend: (values) => checker.onAppend(name, values),
        })
      },
      createMembership(context) {
        const membership = createGroupMembership(context, { topics: () => [INPUT] })
        checker.onEntered(name)
        return membership
      },
      createExchange: (context) => new KafkaExchange(context),
    })
    const worker: SimulatedWorker = { name, application, machine, release, process, status, stop: running.stop, end: undefined }
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

  private checkerOf(application: string): InvariantChecker {
    const known = this.checkers.get(application)
    if (known !== undefined) return known
    const { storage, shelf } = this
    const checker = new InvariantChecker({
      application,
      storage,
      shelf,
      onViolation: (what) => this.bugs.push(what),
      onValid: (record) => this.onRecord(application, record),
    })
    this.checkers.set(application, checker)
    return checker
  }

  private tellCheckers(): void {
    const all = (tell: (checker: InvariantChecker) => void) => this.checkers.forEach((checker) => void tell(checker))
    this.kafka.topics.onPartition = (partition) => all((one) => one.onPartition(partition))
    this.kafka.transactions.watcher = {
      begun: (transaction) => all((one) => one.onBegun(transaction)),
      ended(transaction, isCommit) {
        if (isCommit) all((one) => one.onCommitted(transaction))
      },
    }
    this.storage.onDelete = (paths) => all((one) => one.onDeleted(paths))
  }

  private diskOf(application: string, machine: number): SimulatedDisk {
    const name = application === APPLICATION ? `disk ${machine}` : `disk ${machine} of ${application}`
    const known = this.disks.get(name)
    if (known !== undefined) return known
    const disk = new SimulatedDisk(name)
    this.disks.set(name, disk)
    this.checkerOf(application).watchDisk(disk)
    return disk
  }
}
