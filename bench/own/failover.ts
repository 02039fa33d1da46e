/**
 * failover: three copies of a job share four partitions at a steady rate; one is killed by SIGKILL and stays away. How long
 * until output of records that were sent after the kill is committed again: on the first output partition, and on all.
 * Every engine by this same driver, through the contract that jobs follow.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryFolder } from '../../itest/support/leftovers.ts'
import { type EngineChoice, heapOf } from '../engines.ts'
import { known, type Measurement } from '../measurement.ts'
import type { BenchOptions } from '../options.ts'
import { EngineProcess } from './engine-process.ts'
import type { OwnSetting } from './own-run.ts'
import { PARTITIONS, type TopicReader, Topics } from './topics.ts'
import { Workload } from './workload.ts'

const COPIES = 3
const GIVE_UP_MS = 120_000
/** From the start of the last copy until the work has settled. */
const SETTLE_SECONDS = 20

export interface KitSetting extends OwnSetting {
  /** The peer kit's folder; null: it isn't there. */
  readonly kitFolder: string | null
}

export async function measureFailover(setting: KitSetting, engine: EngineChoice, options: BenchOptions): Promise<Measurement> {
  const topics = await Topics.connect(setting.bootstrap)
  const folder = temporaryFolder('bench')
  const id = Date.now().toString(36)
  const input = `bench-in-${id}`
  const output = `bench-out-${id}`
  const copies: EngineProcess[] = []
  const start = () => {
    const copy = copies.length
    const { command, directory } = commandOf(setting, engine, folder.path, copy)
    const env = {
      ...engine.env,
      ENGINE_HEAP: heapOf(options.keys),
      KAFKA_BOOTSTRAP: setting.bootstrap,
      IN_TOPIC: input,
      OUT_TOPIC: output,
      APP_ID: `bench-app-${id}`,
      JOB: 'w1',
      REKEY: options.rekey ? '1' : '0',
      INTERVAL_MS: String(options.intervalMs),
      STATE_DIR: directory,
    }
    copies.push(new EngineProcess({ command, env, directory }))
  }
  try {
    await topics.create(input)
    await topics.create(output)
    for (let copy = 0; copy < COPIES; copy++) start()
    const writer = await topics.writer(input, 1)
    const workload = new Workload(options.keys)
    let isOver = false
    const writing = (async () => {
      for (let from = 0; !isOver; from += options.rate) await writer.pace(workload, from, options.rate, 1)
    })()
    try {
      await sleep(SETTLE_SECONDS * 1000)
      const ended = copies.find((copy) => copy.hasEnded)
      if (ended !== undefined) return failed(`a copy has ended by itself:\n${ended.tail()}`)
      return await killOne(topics, output, copies)
    } finally {
      isOver = true
      await writing
      writer.close()
    }
  } finally {
    for (const copy of copies) await copy.kill()
    await topics.delete(input, output)
    topics.close()
    await folder.remove()
  }
}

function commandOf({ product, kitFolder }: KitSetting, engine: EngineChoice, folder: string, copy: number) {
  if (engine.kitName === null) return { command: product, directory: folder }
  // Copies of the peer share nothing but Kafka.
  const directory = join(folder, `copy-${copy}`)
  mkdirSync(directory)
  return { command: [join(kitFolder ?? '', 'engine.sh'), engine.kitName], directory }
}

async function killOne(topics: Topics, output: string, copies: readonly EngineProcess[]): Promise<Measurement> {
  const ends = await topics.ends(output)
  const victim = copies[1]
  const survivors = copies.filter((copy) => copy !== victim)
  const readers = ends.map((end, partition) => topics.partitionReader(output, partition, end))
  const killedAtMs = Date.now()
  await victim?.kill()
  try {
    const times = await Promise.all(readers.map((reader) => firstSentAfter(reader, killedAtMs)))
    if (times.some((time) => time === undefined)) {
      return failed(
        `no new output on every partition within ${GIVE_UP_MS} ms:\n${survivors.map((copy) => copy.tail()).join('\n')}`,
      )
    }
    const waits = times.map((time) => (time ?? 0) - killedAtMs)
    return {
      isRight: true,
      values: known({
        recoveryMs: Math.max(...waits),
        firstOutputMs: Math.min(...waits),
        ...phasesOf(survivors, killedAtMs),
        peakRssMb: Math.max(...survivors.map((copy) => copy.peakRssMb())),
      }),
    }
  } finally {
    for (const reader of readers) reader.close()
  }
}

/** The time at which the first committed record is read that was sent behind `sinceMs`. */
async function firstSentAfter(reader: TopicReader, sinceMs: number): Promise<number | undefined> {
  while (Date.now() < sinceMs + GIVE_UP_MS) {
    const records = reader.poll()
    if (records === undefined) await Promise.race([reader.whenAvailable(), sleep(20)])
    else if (records.some(({ timestamp }) => timestamp >= sinceMs)) return Date.now()
  }
  return undefined
}

/** Millrace's own log says what the time went into; other engines' don't. */
function phasesOf(survivors: readonly EngineProcess[], killedAtMs: number) {
  const events = survivors.flatMap((copy) => copy.events)
  const first = (name: string) => {
    const times = events.filter(({ event }) => event === name).map(({ time }) => Date.parse(String(time)) - killedAtMs)
    const behind = times.filter((time) => time > 0)
    return behind.length === 0 ? undefined : Math.min(...behind)
  }
  return { noticedMs: first('group-rebalancing'), claimedMs: first('epoch-claimed'), startedMs: first('started') }
}

function failed(problem: string): Measurement {
  return { isRight: false, problem, values: {} }
}

/** For the report: Kafka spreads the copies' work over so many. */
export const FAILOVER_NOTE = `${COPIES} copies over ${PARTITIONS} partitions, one killed: from SIGKILL to committed output of records sent after it`
