/** kafkajs as the tests' own client: for set-up and readiness, never for what a test asserts about records. */
import { Kafka, logLevel } from 'kafkajs'

export interface ClientOptions {
  readonly retries: number
  /** 10 s by default. */
  readonly requestTimeoutMs?: number
}

export function kafkaClient(bootstrap: string, options: ClientOptions): Kafka {
  return new Kafka({
    clientId: 'millrace-itest',
    brokers: [bootstrap],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2_000,
    requestTimeout: options.requestTimeoutMs ?? 10_000,
    retry: { retries: options.retries, initialRetryTime: 50, maxRetryTime: 500 },
  })
}

/** True when the broker answers ApiVersions and its metadata names a broker that takes requests (an unfenced one). */
export async function isKafkaReady(bootstrap: string): Promise<boolean> {
  const admin = kafkaClient(bootstrap, { retries: 0, requestTimeoutMs: 2_000 }).admin()
  try {
    await admin.connect()
    const { brokers } = await admin.describeCluster()
    return brokers.length > 0
  } catch {
    return false
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}
