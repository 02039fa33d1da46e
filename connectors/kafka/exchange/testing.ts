/** For tests: an exchange over a cluster that the test gives or names, and frames made of text. */

import { latin1Slice } from '../../../src/common/bytes.ts'
import { systemClock } from '../../../src/common/clock.ts'
import { type Logger, silentLogger } from '../../../src/common/logger.ts'
import { layerOfJob } from '../../../src/config/layers.ts'
import { resolveConfig } from '../../../src/config/resolve.ts'
import type { ConnectorContext } from '../../../src/ports/connector-context.ts'
import type { ExchangeReader, ReceivedFrame } from '../../../src/ports/exchange.ts'
import type { ClusterAccess } from '../client/cluster-access.ts'
import { KafkaExchange } from './kafka-exchange.ts'

export interface TestExchangeOptions {
  readonly applicationId?: string
  /** Instead of a client of its own. */
  readonly cluster?: ClusterAccess
  readonly bootstrap?: string
  readonly logger?: Logger
  /** Options of the job, besides. */
  readonly options?: Readonly<Record<string, unknown>>
}

/** What a worker holds of it. */
export interface TestExchange {
  readonly exchange: KafkaExchange
  /** What `context.fail` was told. */
  readonly failures: Error[]
  /** By the name of the counter. */
  readonly counted: Map<string, number>
  close(): Promise<void>
}

export function openTestExchange({
  applicationId = 'app',
  cluster,
  bootstrap = 'localhost:9',
  logger = silentLogger,
  options = {},
}: TestExchangeOptions): TestExchange {
  const { config } = resolveConfig([
    layerOfJob({ appId: applicationId, brokers: bootstrap, checkpoints: 'file:///nowhere', ...options }),
  ])
  const shared = new Map<string, { close(): Promise<void> }>()
  if (cluster !== undefined) {
    const session = { client: async () => cluster, close: async () => {} }
    shared.set('kafka', session)
  }
  const failures: Error[] = []
  const counted = new Map<string, number>()
  const context: ConnectorContext = {
    applicationId,
    workerIndex: 0,
    clock: cluster?.clock ?? systemClock,
    logger,
    metrics: {
      counter: (name) => ({ add: (n) => counted.set(name, (counted.get(name) ?? 0) + n) }),
      gauge() {},
    },
    config,
    share<T extends { close(): Promise<void> }>(key: string, make: () => T): T {
      const existing = shared.get(key) ?? make()
      shared.set(key, existing)
      return existing as T
    },
    fail: (error) => failures.push(error),
  }
  return {
    exchange: new KafkaExchange(context),
    failures,
    counted,
    async close() {
      for (const one of shared.values()) await one.close()
    },
  }
}

export function textOf({ buffer, start, end }: ReceivedFrame): string {
  return latin1Slice(buffer, start, end)
}

/** The next frame, whenever it comes. */
export async function nextFrame(reader: ExchangeReader): Promise<ReceivedFrame> {
  for (;;) {
    const frame = reader.poll()
    if (frame !== undefined) return frame
    await reader.whenAvailable()
  }
}
