/**
 * Real servers for tests, benchmarks and the demo, from one of two providers:
 *
 * - `docker`: containers by Testcontainers. Image names come from the environment (images.ts), official ones by default.
 * - `native`: processes of this machine, their programs in a cache (`MILLRACE_CACHE`, by default `.cache`). Needs Java 17
 *   and Maven for Kafka, Go or Python for S3.
 *
 * A started server serves. Each call starts a new, empty one on free ports. `close` removes all of it; what a test
 * forgets to close, or can't close because it is killed, is removed when its process has ended.
 */
import { isEngineReachable } from './docker-engine.ts'
import { startNativeKafka } from './kafka-native.ts'
import { startNativeS3 } from './s3-native.ts'
import type { KafkaOptions, KafkaServer, ProviderName, S3Options, S3Server } from './server-types.ts'

export type { KafkaOptions, KafkaServer, ProviderName, S3Options, S3Server } from './server-types.ts'

let detected: ProviderName | undefined
if (!process.env.MILLRACE_ITEST_PROVIDER) detected = (await isEngineReachable()) ? 'docker' : 'native'

/** What `MILLRACE_ITEST_PROVIDER` says; without it `docker` where an engine answers, else `native`. */
export function provider(): ProviderName {
  const wanted = process.env.MILLRACE_ITEST_PROVIDER || detected
  if (wanted === 'docker' || wanted === 'native') return wanted
  throw new Error(`MILLRACE_ITEST_PROVIDER is "${wanted}", it can be docker or native`)
}

export async function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  if (provider() === 'native') return startNativeKafka(options)
  const { startDockerKafka } = await import('./kafka-docker.ts')
  return startDockerKafka(options)
}

export async function startS3(options: S3Options = {}): Promise<S3Server> {
  if (provider() === 'native') return startNativeS3(options)
  const { startDockerS3 } = await import('./s3-docker.ts')
  return startDockerS3(options)
}
