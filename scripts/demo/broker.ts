/**
 * A broker for the demo: the one that KAFKA_BROKERS names, else one in a container, else one as a process of this
 * machine (Java; its jars come from Maven Central and stay in the cache). A broker that is started here ends with the demo.
 */
import { isEngineReachable } from '../../itest/support/docker-engine.ts'
import { IMAGES } from '../../itest/support/images.ts'
import { startNativeKafka } from '../../itest/support/kafka-native.ts'
import { isKafkaReady } from '../../itest/support/kafka-ready.ts'
import type { KafkaServer } from '../../itest/support/server-types.ts'

export interface Broker {
  /** host:port. */
  readonly bootstrap: string
  readonly kind: 'given' | 'docker' | 'java'
  /** Runs one of Kafka's tools inside the container, with `docker`. */
  readonly runTool?: KafkaServer['runTool']
  close(): Promise<void>
}

const HOW_TO_GET_ONE = `Install Docker (https://docs.docker.com/get-docker/), or a JDK of at least Java 17 and Maven (Debian and Ubuntu:
apt-get install openjdk-17-jdk-headless maven; macOS: brew install openjdk@17 maven), or set KAFKA_BROKERS=host:port
to a broker of Kafka 3.6 or later that takes plain connections.`

/** @param tell takes a line for people */
export async function findBroker(tell: (line: string) => void): Promise<Broker> {
  const given = process.env.KAFKA_BROKERS
  if (given) return givenBroker(given)
  const refusals: string[] = []
  for (const start of [startInDocker, startWithJava]) {
    try {
      return await start(tell)
    } catch (error) {
      refusals.push((error as Error).message)
    }
  }
  const reasons = ['KAFKA_BROKERS is not set', ...refusals].map((reason) => `- ${reason}`).join('\n')
  throw new Error(`No Kafka broker can be had for the demo:\n${reasons}\n${HOW_TO_GET_ONE}`)
}

/** The first of them that answers: the demo's own clients then learn of the others. */
async function givenBroker(brokers: string): Promise<Broker> {
  for (const bootstrap of brokers.split(',').map((one) => one.trim())) {
    if (await isKafkaReady(bootstrap)) return { bootstrap, kind: 'given', close: async () => {} }
  }
  throw new Error(`No broker of KAFKA_BROKERS=${brokers} answers. Unset it to let the demo start one of its own.`)
}

async function startInDocker(tell: (line: string) => void): Promise<Broker> {
  if (!(await isEngineReachable())) throw new Error('no Docker engine answers')
  tell(`starting Kafka in a container of ${IMAGES.kafka}, which is pulled if it isn't here yet`)
  const { startDockerKafka } = await import('../../itest/support/kafka-docker.ts')
  try {
    const { bootstrap, close, runTool } = await startDockerKafka({})
    return { bootstrap, kind: 'docker', close, runTool }
  } catch (error) {
    const reason = `Docker answers, but gave no broker: ${(error as Error).message}`
    tell(reason)
    throw new Error(reason)
  }
}

async function startWithJava(tell: (line: string) => void): Promise<Broker> {
  tell('starting Kafka with Java')
  const { bootstrap, close } = await startNativeKafka({})
  return { bootstrap, kind: 'java', close }
}
