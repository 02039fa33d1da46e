/** kafkajs as the tests' own client: for set-up and readiness, never for what a test asserts about records. */
import { Kafka, logLevel } from 'kafkajs'

export function kafkaClient(bootstrap: string, retry: { retries: number }): Kafka {
  return new Kafka({
    clientId: 'millrace-itest',
    brokers: [bootstrap],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2_000,
    requestTimeout: 10_000,
    retry: { retries: retry.retries, initialRetryTime: 50, maxRetryTime: 500 },
  })
}

/** True when the broker answers ApiVersions and its metadata names a broker that takes requests (an unfenced one). */
export async function isKafkaReady(bootstrap: string): Promise<boolean> {
  const admin = kafkaClient(bootstrap, { retries: 0 }).admin()
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
