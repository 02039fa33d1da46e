/** One Kafka broker as a process of this machine. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { javaProgram } from './java.ts'
import { KAFKA_VERSION, type KafkaJars } from './kafka-jars.ts'
import { isKafkaReady } from './kafka-ready.ts'
import { freePort } from './ports.ts'
import { ServerProcess } from './server-process.ts'

export interface BrokerOptions {
  /** For server.properties and the log; exists. */
  readonly folder: string
  /** Kafka's log.dirs; formatted. */
  readonly logDir: string
  /** On top of `TEST_BROKER_CONFIG`. */
  readonly config: Readonly<Record<string, string>>
  readonly javaOptions: readonly string[]
}

/** For one broker that serves tests: nothing is replicated, nothing is created by accident, nothing waits without need. */
export const TEST_BROKER_CONFIG: Readonly<Record<string, string>> = {
  'auto.create.topics.enable': 'false',
  'num.partitions': '4',
  'default.replication.factor': '1',
  'min.insync.replicas': '1',
  'offsets.topic.replication.factor': '1',
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'transaction.state.log.num.partitions': '4',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
  'group.initial.rebalance.delay.ms': '0',
  // A broker that was killed may register again only when its old session is over, by default after 9 s.
  'broker.session.timeout.ms': '2500',
  'broker.heartbeat.interval.ms': '500',
}

export async function brokerOnFreePorts(
  jars: KafkaJars,
  options: BrokerOptions,
): Promise<{ process: ServerProcess; bootstrap: string }> {
  const port = await freePort()
  const controllerPort = await freePort()
  const bootstrap = `127.0.0.1:${port}`
  const config: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://${bootstrap},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://${bootstrap}`,
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'log.dirs': options.logDir,
    ...TEST_BROKER_CONFIG,
    ...options.config,
  }
  const properties = join(options.folder, 'server.properties')
  const lines = Object.entries(config).map(([name, value]) => `${name}=${value}\n`)
  await writeFile(properties, lines.join(''))
  const process = new ServerProcess({
    name: `Kafka ${KAFKA_VERSION} on ${bootstrap}`,
    program: javaProgram('java'),
    args: [...options.javaOptions, ...LOGGING, '-cp', jars.classPath, 'kafka.Kafka', properties],
    logFile: join(options.folder, 'kafka.log'),
    isReady: () => isKafkaReady(bootstrap),
  })
  return { process, bootstrap }
}

const LOGGING = [
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  '-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS',
  '-Dorg.slf4j.simpleLogger.showThreadName=false',
]
