/**
 * The demo itself: real flights into Kafka, a job that counts them, SIGKILL in the middle, the job again, and a verdict
 * on every record that a read_committed reader sees.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { JobProcess, type LogLine } from '../../itest/support/job-process.ts'
import { temporaryFolder } from '../../itest/support/leftovers.ts'
import { type Broker, findBroker } from './broker.ts'
import type { Cleanup } from './cleanup.ts'
import { type AirportUpdate, modelOf, readFlights } from './flights.ts'
import { judgeReader } from './judge-reader.ts'
import { type Loading, startLoading } from './loader.ts'
import { watchCommitted } from './own-reader.ts'
import { Progress } from './progress.ts'
import { createTopics, removeTraces, untilRead } from './topics.ts'
import { isFlawless, judge, type Verdict } from './verdict.ts'

const JOB_FILE = 'examples/flights-by-airport.job.ts'

const FLIGHTS_PER_SECOND = 4_000
/** At most; the rest comes later, so that the job is killed in the middle on the slowest machine too. */
const LOADED_BEFORE_KILL = 0.75
const TOP_AIRPORTS = 5
/** How long the committed output may stand still before the demo gives up waiting for more. */
const PATIENCE_MS = 60_000
/** From the commit that passes the half to SIGKILL: by then the next transaction is half written. */
const INTO_THE_NEXT_INTERVAL_MS = 500

export interface DemoResult extends Verdict {
  /** Everything is as the model says, and the job restored a checkpoint and ended well. */
  readonly ok: boolean
  readonly broker: Pick<Broker, 'bootstrap' | 'kind'>
  readonly recordsIn: number
  readonly airports: number
  /** Who read the output. */
  readonly reader: string
  /** How many updates were committed, and flights loaded, when the job was killed. */
  readonly killedAt: { readonly committed: number; readonly loaded: number }
  readonly restored: { readonly checkpoint: number; readonly durationMs: number }
  /** From the start of the second process to the first update that it committed. */
  readonly firstUpdateAfterRestartMs: number
  /** The last updates of the airports with the most flights. */
  readonly top: readonly AirportUpdate[]
}

export interface DemoContext {
  readonly cleanup: Cleanup
  /** Takes a line of progress, for people. */
  tell(line: string): void
}

export async function runDemo({ cleanup, tell }: DemoContext): Promise<DemoResult> {
  const flights = readFlights()
  const model = modelOf(flights)
  const broker = await findBroker(tell)
  cleanup.add('stopping the broker', () => broker.close())
  const { bootstrap } = broker
  tell(`broker: Kafka at ${bootstrap} (${{ given: 'KAFKA_BROKERS', docker: 'Docker', java: 'Java' }[broker.kind]})`)
  const reader = await judgeReader(broker, tell)

  const applicationId = `millrace-demo-${randomBytes(4).toString('hex')}`
  const [input, output] = [`${applicationId}.flights`, `${applicationId}.airports`]
  const creating = createTopics(bootstrap, [input, output])
  cleanup.add('deleting the topics', async () => {
    await creating.catch(() => {})
    if (broker.kind === 'given') await removeTraces(bootstrap, applicationId)
  })
  await creating
  const folder = temporaryFolder('demo')
  cleanup.add('deleting the temporary folder', () => folder.remove())

  const committed = new Progress()
  const watch = await watchCommitted(bootstrap, output, (count) => committed.set(count))
  cleanup.add('closing the reader', () => watch.close())
  const startJob = () => {
    const job = new JobProcess({
      job: JOB_FILE,
      options: {
        'app-id': applicationId,
        brokers: bootstrap,
        'state-backend': 'rocksdb',
        'state-directory': join(folder.path, 'state'),
        checkpoints: `file:${join(folder.path, 'checkpoints')}`,
        'checkpoint-interval': '1s',
      },
      env: { FLIGHTS_TOPIC: input, AIRPORTS_TOPIC: output },
    })
    cleanup.add('ending the job', () => job.kill())
    void tellCheckpoints(job, tell)
    return job
  }

  tell('starting the job: state in RocksDB, a checkpoint each second')
  const first = startJob()
  await first.event('started')
  tell(`loading ${thousands(flights.length)} flights, ${thousands(FLIGHTS_PER_SECOND)} a second, keyed by airport`)
  const loading = startLoading(bootstrap, input, flights, FLIGHTS_PER_SECOND, flights.length * LOADED_BEFORE_KILL)
  cleanup.add('ending the loader', () => stopLoading(loading))
  const failed = Promise.race([neverEnds(loading.done), neverEnds(watch.done)])

  const isHalf = await Promise.race([committed.reaches(flights.length / 2, PATIENCE_MS), endOf(first), failed])
  if (!isHalf) throw new Error(`only ${committed.value} updates were committed, none for ${PATIENCE_MS / 1000} s`)
  await sleep(INTO_THE_NEXT_INTERVAL_MS)
  await first.kill()
  const killedAt = { committed: committed.value, loaded: loading.loaded }
  tell(`SIGKILL: ${thousands(killedAt.committed)} updates committed, ${thousands(killedAt.loaded)} flights loaded`)

  loading.release()
  tell('starting the job again')
  const restartedAtMs = performance.now()
  const anyNew = committed.reaches(committed.value + 1, PATIENCE_MS).then(() => performance.now() - restartedAtMs)
  const second = startJob()
  const restored = await second.event('restored')
  tell(`restored from checkpoint ${restored.checkpoint} in ${restored.durationMs} ms`)
  await Promise.race([loading.done, endOf(second)])
  // Not until there are enough updates: doubled ones would count. What never comes is left to the verdict.
  const allRead = untilRead(bootstrap, applicationId, input, loading.loaded, PATIENCE_MS)
  await Promise.race([allRead, endOf(second), failed])
  const firstUpdateAfterRestartMs = Math.round(await anyNew)
  tell('SIGTERM: a final checkpoint, then the end')
  const { exitCode } = await second.kill('SIGTERM')
  if (exitCode !== 0) throw new Error(`the job ended with code ${exitCode}:\n${second.tail()}`)

  tell(`reading the output: ${reader.name}`)
  const records = await reader.read(output, committed.value)
  const verdict = judge(model, records)
  return {
    ok: isFlawless(verdict),
    broker: { bootstrap, kind: broker.kind },
    recordsIn: loading.loaded,
    airports: model.size,
    reader: reader.name,
    killedAt,
    restored: { checkpoint: Number(restored.checkpoint), durationMs: Number(restored.durationMs) },
    firstUpdateAfterRestartMs,
    ...verdict,
    top: lastUpdates(records.map(({ value }) => value)).slice(0, TOP_AIRPORTS),
  }
}

/** Until the job ends. */
async function tellCheckpoints(job: JobProcess, tell: (line: string) => void): Promise<void> {
  const told = new Set<LogLine>()
  const isNews = (line: LogLine) => /^checkpoint-(completed|aborted)$/.test(line.event) && !told.has(line)
  while (!job.hasEnded) {
    const line = await job.line(isNews).catch(() => undefined)
    if (line === undefined) continue
    told.add(line)
    const { event, checkpoint, durationMs, bytes, reason } = line
    tell(`${event.replace('-', ` ${checkpoint} `)}: ${reason ?? `${durationMs} ms, ${bytes} bytes`}`)
  }
}

/** The newest row of each airport, the busiest airport first. */
function lastUpdates(values: readonly (Buffer | null)[]): AirportUpdate[] {
  const rows = new Map<string, AirportUpdate>()
  for (const value of values) {
    const row: AirportUpdate = JSON.parse(String(value))
    rows.set(row.key, row)
  }
  return [...rows.values()].sort((one, other) => other.flights - one.flights)
}

async function endOf(job: JobProcess): Promise<never> {
  await job.ended
  throw new Error(`the job ended by itself:\n${job.tail()}`)
}

/** Only the failure of what otherwise ends well counts. */
async function neverEnds(work: Promise<unknown>): Promise<never> {
  await work
  return new Promise(() => {})
}

async function stopLoading(loading: Loading): Promise<void> {
  loading.stop()
  await loading.done.catch(() => {})
}

export function thousands(value: number): string {
  return value.toLocaleString('en-US')
}
