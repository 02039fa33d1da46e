/** What tests see of a server, whichever provider started it. */
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
  /** Whether it keeps its objects when it is stopped. Not so with moto, the stand-in where Go is missing. */
  readonly durable: boolean
  /** Where its objects lie as files (<dataDir>/<bucket>/<key>), with the native provider and versitygw. */
  readonly dataDir: string | undefined
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  start(): Promise<void>
  logs(): Promise<string>
  close(): Promise<void>
}
