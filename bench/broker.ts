/** The broker that all engines of one run of the benchmark share. */
import { javaProgram } from '../itest/support/java.ts'
import { startNativeKafka } from '../itest/support/kafka-native.ts'
import { isInstalled } from '../itest/support/run-command.ts'
import type { KafkaServer } from '../itest/support/server-types.ts'
import { startKafka } from '../itest/support/servers.ts'

export interface BenchBroker {
  readonly bootstrap: string
  /** Its process, where it is one of this machine that we started. */
  readonly pid: number | undefined
  /** Everything it wrote is deleted; a broker that was there before stays as it is. */
  close(): Promise<void>
}

const OPTIONS = {
  fast: false,
  heapMb: 1024,
  /** As the peer kit sets its own broker up; the rest are Kafka's defaults or those of itest/support/kafka-config.ts. */
  config: {
    'offsets.topic.num.partitions': '8',
    'transaction.state.log.num.partitions': '8',
    // What is deleted leaves the disk during a run.
    'log.retention.check.interval.ms': '10000',
  },
}

export async function openBroker(brokers: string | undefined): Promise<BenchBroker> {
  if (brokers !== undefined) return { bootstrap: brokers, pid: undefined, close: async () => {} }
  const server = await startServer()
  return { bootstrap: server.bootstrap, pid: server.pid, close: () => server.close() }
}

/** A process rather than a container, where it can be: its CPU can be told from that of others, and no proxy is between. */
async function startServer(): Promise<KafkaServer> {
  const mayChoose = !process.env.MILLRACE_ITEST_PROVIDER
  if (mayChoose && (await isInstalled(javaProgram('java'), ['-version']))) return startNativeKafka(OPTIONS)
  return startKafka(OPTIONS)
}
