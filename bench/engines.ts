/** The engines that can be measured, each with the settings it is measured with. */
import type { Work } from './options.ts'

export type EngineName = 'millrace' | 'flink' | 'kafkaStreams' | 'kafkajs'

export interface EngineChoice {
  /** As `--engines` takes it. */
  readonly id: string
  readonly engine: EngineName
  readonly variant: string
  /** The peer kit's name for it (engine.sh); null: Millrace itself. */
  readonly kitName: string | null
  readonly env: Readonly<Record<string, string>>
  /** size: checkpoints go to an S3 server of this machine. Default: to a folder. */
  readonly onS3?: boolean
  /** An engine so slow that more records would only make the run longer. */
  readonly maxRecords?: number
}

export const ENGINES: readonly EngineChoice[] = [
  { id: 'millrace', engine: 'millrace', variant: 'rocksdb', kitName: null, env: {} },
  { id: 'millrace-2', engine: 'millrace', variant: 'rocksdb, 2 workers', kitName: null, env: { MILLRACE_WORKERS: '2' } },
  {
    id: 'millrace-6s',
    engine: 'millrace',
    variant: 'session timeout 6 s',
    kitName: null,
    env: { MILLRACE_SESSION_TIMEOUT: '6s' },
  },
  // Work of the job's own: with it the broker leaves the cores to the workers.
  { id: 'millrace-busy', engine: 'millrace', variant: 'rocksdb, 20 µs a record', kitName: null, env: { WORK_US: '20' } },
  {
    id: 'millrace-2-busy',
    engine: 'millrace',
    variant: 'rocksdb, 20 µs a record, 2 workers',
    kitName: null,
    env: { WORK_US: '20', MILLRACE_WORKERS: '2' },
  },
  {
    id: 'millrace-memory',
    engine: 'millrace',
    variant: 'memory',
    kitName: null,
    env: { MILLRACE_STATE_BACKEND: 'memory' },
  },
  { id: 'millrace-s3', engine: 'millrace', variant: 'rocksdb, S3', kitName: null, env: {}, onS3: true },
  { id: 'flink', engine: 'flink', variant: 'heap', kitName: 'flink', env: { FLINK_REUSE: 'true' } },
  {
    id: 'flink-rocksdb',
    engine: 'flink',
    variant: 'rocksdb, incremental',
    kitName: 'flink',
    env: { FLINK_REUSE: 'true', FLINK_STATE: 'rocksdb' },
  },
  // Its record cache would leave updates out, and the work is to emit every one.
  { id: 'kafka-streams', engine: 'kafkaStreams', variant: 'rocksdb, no cache', kitName: 'ks', env: { KS_CACHE_BYTES: '0' } },
  {
    id: 'kafka-streams-6s',
    engine: 'kafkaStreams',
    variant: 'session timeout 6 s',
    kitName: 'ks',
    env: { KS_CACHE_BYTES: '0', KS_PROPS: 'session.timeout.ms=6000,heartbeat.interval.ms=2000' },
  },
  {
    id: 'kafkajs',
    engine: 'kafkajs',
    variant: 'by hand, sends of 500',
    kitName: 'kafkajs',
    env: { DIY_COMMIT: 'interval', DIY_CHUNK: '500' },
    maxRecords: 300_000,
  },
]

/** From here on the peers are given 2 GB of heap instead of 1 GB, and their variants for large state are measured too. */
const MANY_KEYS = 500_000

/** In the order of the report, which is the order of the runs. */
export function defaultEngines(work: Work, keys: number): readonly string[] {
  switch (work) {
    case 'w1':
      return keys < MANY_KEYS
        ? ['millrace', 'flink', 'kafka-streams', 'kafkajs']
        : ['millrace', 'millrace-memory', 'flink', 'flink-rocksdb', 'kafka-streams']
    case 'latency':
      return ['millrace', 'flink', 'kafka-streams', 'kafkajs']
    case 'recovery':
      return ['millrace', 'flink', 'kafka-streams', 'kafka-streams-6s']
    case 'failover':
      return ['millrace', 'millrace-6s', 'kafka-streams-6s', 'kafka-streams']
    case 'size':
      return ['millrace', 'flink-rocksdb']
    case 'checkpoint':
    case 'idle':
      return ['millrace']
  }
}

export function engineById(id: string): EngineChoice {
  const found = ENGINES.find((engine) => engine.id === id)
  if (found === undefined) throw new Error(`there is no engine ${id}; known are ${ENGINES.map((one) => one.id).join(', ')}`)
  return found
}

export function heapOf(keys: number): string {
  return keys < MANY_KEYS ? '1g' : '2g'
}
