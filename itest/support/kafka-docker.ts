/** The docker provider's Kafka: an image with apache/kafka's environment contract (KAFKA_* become broker properties). */
import { IMAGES } from './images.ts'
import { brokerConfig } from './kafka-config.ts'
import { isKafkaReady } from './kafka-ready.ts'
import { freePort } from './ports.ts'
import { engineHost, ServerContainer } from './server-container.ts'
import type { KafkaOptions, KafkaServer } from './server-types.ts'

const BROKER_PORT = 9092
const LOG_DIR = '/var/lib/kafka/data'
const DEFAULT_HEAP_MB = 512

export async function startDockerKafka(options: KafkaOptions): Promise<KafkaServer> {
  const port = await freePort()
  const bootstrap = `${engineHost()}:${port}`
  const config = brokerConfig({
    listen: `0.0.0.0:${BROKER_PORT}`,
    advertised: bootstrap,
    internal: '127.0.0.1:9094',
    controller: '127.0.0.1:9093',
    logDir: LOG_DIR,
    config: options.config ?? {},
  })
  const container = await ServerContainer.start({
    name: `Kafka on ${bootstrap}`,
    image: IMAGES.kafka,
    env: {
      CLUSTER_ID: 'TWlsbHJhY2VJVGVzdHNhdA',
      KAFKA_HEAP_OPTS: `-Xmx${options.heapMb ?? DEFAULT_HEAP_MB}m`,
      ...(options.fast === false ? {} : { KAFKA_JVM_PERFORMANCE_OPTS: '-XX:TieredStopAtLevel=1' }),
      ...Object.fromEntries(Object.entries(config).map(([name, value]) => [variable(name), value])),
    },
    port: { container: BROKER_PORT, host: port },
    dataDir: LOG_DIR,
    isReady: () => isKafkaReady(bootstrap),
  })
  return {
    provider: 'docker',
    bootstrap,
    logDir: LOG_DIR,
    pid: undefined,
    start: () => container.start(),
    stop: (signal) => container.stop(signal),
    async restart(signal) {
      await container.stop(signal)
      await container.start()
    },
    pause: () => container.pause(),
    resume: () => container.resume(),
    logs: () => container.logs(),
    close: () => container.close(),
    runTool: (className, args) => container.run(['java', '-Xmx256m', '-cp', '/opt/kafka/libs/*', className, ...args]),
  }
}

/** `log.dirs` is KAFKA_LOG_DIRS; an underscore in a name is doubled, a dash tripled. */
function variable(property: string): string {
  return `KAFKA_${property.replaceAll('_', '__').replaceAll('-', '___').replaceAll('.', '_').toUpperCase()}`
}
