/** A process of its own, as `millrace rewind` is: reads the control log, appends one record and ends. */
import { KafkaControlLog } from '../../../connectors/kafka/control/kafka-control-log.ts'
import { CLIENT_KEY, SharedClient } from '../../../connectors/kafka/shared-client.ts'
import { toError } from '../../common/errors.ts'
import type { ConnectorContext } from '../../ports/connector-context.ts'
import { LogFollower } from '../../runtime/log-follower.ts'
import { rewindTo } from '../../runtime/rewind.ts'
import { SharedResources } from '../../runtime/shared-resources.ts'
import { SimulatedProcess } from '../simulator/simulated-process.ts'
import { tracingLogger } from './tracing-logger.ts'
import { APPLICATION } from './transfer-job.ts'
import { NO_METRICS, type World } from './world.ts'

/**
 * Resolves with whether it did. Never, if its requests are never answered.
 *
 * @param choose one of the checkpoints that are retained, oldest first; undefined: none
 */
export async function rewindByHand(
  world: World,
  choose: (retained: readonly number[]) => number | undefined,
): Promise<boolean> {
  const { simulation, network, config } = world
  const process = new SimulatedProcess(simulation, 'by hand')
  const logger = tracingLogger(simulation, process, (what) => world.bugs.push(what))
  const shared = new SharedResources()
  const context: ConnectorContext = {
    applicationId: APPLICATION,
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
  try {
    await log.open()
    await follower.start()
    const checkpoint = choose(follower.view.retained.map((one) => one.checkpoint))
    return checkpoint !== undefined && (await rewindTo(follower, checkpoint)).kind === 'rewound'
  } catch (error) {
    logger.warn('rewind-failed', { error: toError(error) })
    return false
  } finally {
    process.crash()
  }
}
