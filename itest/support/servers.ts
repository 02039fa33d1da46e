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

export type ProviderName = 'docker' | 'native'

export interface KafkaOptions {
  /** Broker configuration, on top of the tests' defaults (kafka-broker.ts). */
  readonly config?: Readonly<Record<string, string>>
  /** The Java heap, 512 MB by default. */
  readonly heapMb?: number
  /** True by default: quickest start, lower throughput. False for benchmarks: Java's full optimiser. */
  readonly fast?: boolean
}

export interface KafkaServer {
  readonly provider: ProviderName
  /** host:port, the same over restarts. */
  readonly bootstrap: string
  /** Kafka's log.dirs, as `runTool` sees it. */
  readonly logDir: string
  /** The broker's process, with the native provider while it runs. */
  readonly pid: number | undefined
  /** By default SIGTERM: a clean shutdown. The data stays. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** After `stop`: the same port, the same data. */
  start(): Promise<void>
  restart(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Stands still with its connections open, until `resume`. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Everything it wrote since its first start. */
  logs(): Promise<string>
  /** Stops it and deletes its data. */
  close(): Promise<void>
  /** Runs one of Kafka's Java tools beside the broker, e.g. `kafka.tools.DumpLogSegments`. */
  runTool(className: string, args: readonly string[]): Promise<{ stdout: string; stderr: string; exitCode: number }>
}

export interface S3Options {
  /** Created before `startS3` resolves; `millrace` by default. */
  readonly bucket?: string
}

export interface S3Server {
  readonly provider: ProviderName
  /** http://host:port, the same over restarts; path-style addresses only. */
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly bucket: string
  /** Where its objects lie as files (<dataDir>/<bucket>/<key>), with the native provider and versitygw. */
  readonly dataDir: string | undefined
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  start(): Promise<void>
  logs(): Promise<string>
  close(): Promise<void>
}

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
