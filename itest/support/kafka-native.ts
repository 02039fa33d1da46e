/** The native provider's Kafka: a process over jars in the cache, its data in a temporary folder. */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { javaProgram } from './java.ts'
import { archiveOptions } from './kafka-archive.ts'
import { brokerOnFreePorts } from './kafka-broker.ts'
import { kafkaJars } from './kafka-jars.ts'
import { temporaryFolder } from './leftovers.ts'
import { runCommand } from './run-command.ts'
import type { KafkaOptions, KafkaServer } from './server-types.ts'

const DEFAULT_HEAP_MB = 512

export async function startNativeKafka(options: KafkaOptions): Promise<KafkaServer> {
  const jars = await kafkaJars()
  const archive = await archiveOptions(jars)
  // The second compiler makes a broker faster after a while and slower to start: for benchmarks only.
  const compiler = options.fast === false ? [] : ['-XX:TieredStopAtLevel=1']
  const heap = options.heapMb ?? DEFAULT_HEAP_MB
  const folder = temporaryFolder('kafka')
  const logDir = join(folder.path, 'data')
  await cp(jars.formatted, logDir, { recursive: true })
  const { process: broker, bootstrap } = await brokerOnFreePorts(jars, {
    folder: folder.path,
    logDir,
    config: options.config ?? {},
    javaOptions: [`-Xmx${heap}m`, ...compiler, ...archive],
  })
  const close = async () => {
    await broker.stop('SIGKILL')
    await folder.remove()
  }
  try {
    await broker.start()
  } catch (error) {
    await close()
    throw error
  }
  return {
    provider: 'native',
    bootstrap,
    logDir,
    get pid() {
      return broker.pid
    },
    start: () => broker.start(),
    stop: (signal) => broker.stop(signal),
    async restart(signal) {
      await broker.stop(signal)
      await broker.start()
    },
    pause: async () => broker.pause(),
    resume: async () => broker.resume(),
    logs: () => broker.logs(),
    close,
    runTool: (className, args) =>
      runCommand(javaProgram('java'), [
        ...['-Xmx256m', '-XX:TieredStopAtLevel=1', ...archive],
        ...['-Dorg.slf4j.simpleLogger.defaultLogLevel=warn', '-cp', jars.classPath, className, ...args],
      ]),
  }
}
