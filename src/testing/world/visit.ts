/** A process of its own, as commands are: reads the control log of the job that runs now, does something, and ends. */
import { KafkaControlLog } from '../../../connectors/kafka/control/kafka-control-log.ts'
import { CLIENT_KEY, SharedClient } from '../../../connectors/kafka/shared-client.ts'
import { toError } from '../../common/errors.ts'
import type { ConnectorContext } from '../../ports/connector-context.ts'
import { LogFollower } from '../../runtime/log-follower.ts'
import { SharedResources } from '../../runtime/shared-resources.ts'
import { SimulatedProcess } from '../simulator/simulated-process.ts'
import { tracingLogger } from './tracing-logger.ts'
import { NO_METRICS, type World } from './world.ts'

export interface Visitor {
  readonly application: string
  readonly process: SimulatedProcess
  /** Has read the log to its end. */
  readonly follower: LogFollower
}

export interface Visit<T> {
  readonly process: SimulatedProcess
  /** With what it has come to, or how it failed. Never, if its process dies or its requests are never answered. */
  readonly done: Promise<T | Error>
}

export function visit<T>(world: World, name: string, act: (visitor: Visitor) => Promise<T>): Visit<T> {
  const { simulation, network, config, launch } = world
  const { application } = launch
  const process = new SimulatedProcess(simulation, name)
  const logger = tracingLogger(simulation, process, (what) => world.bugs.push(what))
  const shared = new SharedResources()
  const context: ConnectorContext = {
    applicationId: application,
    workerIndex: 0,
    clock: process.clock,
    logger,
    metrics: NO_METRICS,
    config,
    share: (key, make) => shared.share(key, make),
    fail: (error) => logger.warn('visit-failed', { error }),
  }
  context.share(CLIENT_KEY, () => new SharedClient(() => network.client(process, logger, config.kafkaRequestTimeoutMs)))
  const log = new KafkaControlLog(context, { isVisit: true })
  const follower = new LogFollower(log)
  const run = async (): Promise<T | Error> => {
    try {
      await log.open()
      await follower.start()
      return await act({ application, process, follower })
    } catch (thrown) {
      const error = toError(thrown)
      logger.warn('visit-failed', { error })
      return error
    } finally {
      process.crash()
    }
  }
  return { process, done: run() }
}
