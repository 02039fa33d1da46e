/** One Kafka broker as a process of this machine. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { javaProgram } from './java.ts'
import { brokerConfig } from './kafka-config.ts'
import { KAFKA_VERSION, type KafkaJars } from './kafka-jars.ts'
import { isKafkaReady } from './kafka-ready.ts'
import { freePort } from './ports.ts'
import { ServerProcess } from './server-process.ts'

export interface BrokerOptions {
  /** For server.properties and the log; exists. */
  readonly folder: string
  /** Kafka's log.dirs; formatted. */
  readonly logDir: string
  /** On top of the tests' own (kafka-config.ts). */
  readonly config: Readonly<Record<string, string>>
  readonly javaOptions: readonly string[]
}

export async function brokerOnFreePorts(
  jars: KafkaJars,
  options: BrokerOptions,
): Promise<{ process: ServerProcess; bootstrap: string }> {
  const [bootstrap, internal, controller] = [await freeAddress(), await freeAddress(), await freeAddress()]
  const config = brokerConfig({
    listen: bootstrap,
    advertised: bootstrap,
    internal,
    controller,
    logDir: options.logDir,
    config: options.config,
  })
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

async function freeAddress(): Promise<string> {
  return `127.0.0.1:${await freePort()}`
}

const LOGGING = [
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  '-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS',
  '-Dorg.slf4j.simpleLogger.showThreadName=false',
]
