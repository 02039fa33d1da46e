/** The broker that all engines of one run of the benchmark share. */
import { startKafka } from '../itest/support/servers.ts'

export interface BenchBroker {
  readonly bootstrap: string
  /** Its process, where it is one of this machine that we started. */
  readonly pid: number | undefined
  /** Everything it wrote is deleted; a broker that was there before stays as it is. */
  close(): Promise<void>
}

/** As the peer kit sets its own broker up; the rest are Kafka's defaults or those of itest/support/kafka-config.ts. */
const CONFIG = { 'offsets.topic.num.partitions': '8', 'transaction.state.log.num.partitions': '8' }

export async function openBroker(brokers: string | undefined): Promise<BenchBroker> {
  if (brokers !== undefined) return { bootstrap: brokers, pid: undefined, close: async () => {} }
  const server = await startKafka({ fast: false, heapMb: 1024, config: CONFIG })
  return { bootstrap: server.bootstrap, pid: server.pid, close: () => server.close() }
}
