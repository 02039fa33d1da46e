/** The command line of `npm run bench`. */
import { parseArgs } from 'node:util'

export const WORKS = ['w1', 'latency', 'recovery', 'failover', 'checkpoint', 'size', 'idle'] as const
export type Work = (typeof WORKS)[number]

export interface BenchOptions {
  readonly work: Work
  /** Records of input; with `checkpoint` it follows from the other options. */
  readonly records: number
  readonly keys: number
  /** size: of each key. */
  readonly wordBytes: number
  /** Of checkpoints and commits. */
  readonly intervalMs: number
  readonly repetitions: number
  readonly engines: readonly string[] | undefined
  readonly peersFolder: string | undefined
  readonly brokers: string | undefined
  /** The input is keyed by something else, so the work begins with an exchange: W1b. */
  readonly rekey: boolean
  readonly json: boolean
  /** latency, checkpoint: records a second, sent evenly. */
  readonly rate: number
  /** latency: seconds before the measurement begins. */
  readonly warmSeconds: number
  /** latency, checkpoint: seconds of measurement at `rate`. */
  readonly seconds: number
  /** recovery: SIGKILL when this share of the output is committed. */
  readonly killAt: number
  /** Each run waits so long at most for the rest of the machine to be quiet. */
  readonly quietSeconds: number
  readonly runFrom: 'dist' | 'source'
  /** A folder for CPU profiles of Millrace's runs. */
  readonly cpuProfileFolder: string | undefined
}

export const USAGE = `npm run bench -- <work> [options]

works
  w1           running count and sum per key, every update emitted, exactly-once: records a second, CPU, memory
  latency      the same at a fixed rate: from a record's time to its committed update
  recovery     SIGKILL in the middle: time until new output is committed
  failover     three copies at a fixed rate, one killed for good: time until all output flows again
  checkpoint   Millrace alone: pause, bytes against changed keys, restore time
  size         large state: memory, bytes of checkpoints against changes, storage and restore factors, restore; by our own driver
  idle         Millrace alone, with nothing to do: CPU of a process, files written for each checkpoint

options
  --n <records>          1000000
  --k <keys>             10000; for checkpoint 1000000, for size 2000000
  --word-bytes <n>       size: of each key; 88, with which 20 million keys are more than 2 GB
  --interval <ms>        1000; for size 10000
  --reps <runs>          per engine, in turns; 3 for w1, 1 for the others
  --engines <a,b>        millrace, millrace-2, millrace-6s, millrace-memory, flink, flink-rocksdb, kafka-streams, kafka-streams-6s, kafkajs;
                         millrace-busy and millrace-2-busy do 20 µs of work a record besides
  --peers <folder>       the peer kit; without it MILLRACE_PEERS, else shared/peers beside the repository; "none" measures Millrace alone
  --brokers <host:port>  a broker to use; without it KAFKA_BROKERS, else one is started
  --rate <records/s>     latency and failover 5000, checkpoint 20000, size 1 % of the keys in an interval
  --warm <s>             latency: 15
  --secs <s>             latency and idle 30, checkpoint 60, size 120
  --killAt <share>       recovery: 0.4
  --quiet-wait <s>       30
  --from <dist|source>   dist, built when it is older than the source
  --cpu-prof <folder>    writes CPU profiles of Millrace there
  --rekey                w1, latency, recovery: the input is keyed by id, so records are re-keyed by an exchange (W1b)
  --json                 one JSON object on standard output instead of a table`

const DEFAULT_KEYS: Partial<Record<Work, number>> = { checkpoint: 1_000_000, size: 2_000_000 }
const DEFAULT_SECONDS: Partial<Record<Work, number>> = { checkpoint: 60, size: 120 }

export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      n: { type: 'string' },
      k: { type: 'string' },
      'word-bytes': { type: 'string' },
      interval: { type: 'string' },
      reps: { type: 'string' },
      engines: { type: 'string' },
      peers: { type: 'string' },
      brokers: { type: 'string' },
      rate: { type: 'string' },
      warm: { type: 'string' },
      secs: { type: 'string' },
      killAt: { type: 'string' },
      'quiet-wait': { type: 'string' },
      from: { type: 'string' },
      'cpu-prof': { type: 'string' },
      json: { type: 'boolean' },
      rekey: { type: 'boolean' },
    },
  })
  const work = WORKS.find((known) => known === positionals[0])
  if (work === undefined || positionals.length !== 1) throw new Error(`expected one work: ${WORKS.join(', ')}`)
  const runFrom = values.from ?? 'dist'
  if (runFrom !== 'dist' && runFrom !== 'source') throw new Error('--from is dist or source')
  const keys = numberOf('k', values.k, DEFAULT_KEYS[work] ?? 10_000, 1)
  const intervalMs = numberOf('interval', values.interval, work === 'size' ? 10_000 : 1_000, 100)
  const rate = work === 'size' ? Math.ceil((keys * 10) / intervalMs) : work === 'checkpoint' ? 20_000 : 5_000
  return {
    work,
    records: numberOf('n', values.n, 1_000_000, 1),
    keys,
    wordBytes: numberOf('word-bytes', values['word-bytes'], 88, 0),
    intervalMs,
    repetitions: numberOf('reps', values.reps, work === 'w1' ? 3 : 1, 1),
    engines: values.engines?.split(',').map((id) => (id === 'ks' ? 'kafka-streams' : id.trim())),
    peersFolder: values.peers,
    brokers: values.brokers ?? (process.env.KAFKA_BROKERS || undefined),
    json: values.json === true,
    rekey: values.rekey === true,
    rate: numberOf('rate', values.rate, rate, 1),
    warmSeconds: numberOf('warm', values.warm, 15, 0),
    seconds: numberOf('secs', values.secs, DEFAULT_SECONDS[work] ?? 30, 1),
    killAt: numberOf('killAt', values.killAt, 0.4, 0.01, 0.99),
    quietSeconds: numberOf('quiet-wait', values['quiet-wait'], 30, 0),
    runFrom,
    cpuProfileFolder: values['cpu-prof'],
  }
}

function numberOf(
  name: string,
  text: string | undefined,
  fallback: number,
  least: number,
  most = Number.POSITIVE_INFINITY,
): number {
  if (text === undefined) return fallback
  const value = Number(text.replaceAll('_', ''))
  if (text.trim() !== '' && value >= least && value <= most) return value
  throw new Error(`--${name} is ${text}; it can be ${least}${most === Number.POSITIVE_INFINITY ? ' or more' : ` to ${most}`}`)
}
