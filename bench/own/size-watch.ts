/** Follows an engine's checkpoints while it runs: from its log, its control log, and what lies in its storage. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { decodeMetadata } from '../../src/checkpoint/metadata.ts'
import { decodeControlRecord } from '../../src/checkpoint/protocol/control-records.ts'
import type { EngineChoice } from '../engines.ts'
import type { SteadyCheckpoint } from '../size-costs.ts'
import type { OwnRun } from './own-run.ts'
import type { TopicReader } from './topics.ts'

/** What Flink's coordinator says at its end. The bytes are those of all that it refers to, so what it wrote is looked for as files. */
const FLINK = /Completed checkpoint (\d+) for job \S+ \(\d+ bytes, checkpointDuration=(\d+) ms/
const SAMPLE_EVERY_MS = 1_000

interface Completed extends SteadyCheckpoint {
  readonly checkpoint: number
  readonly path?: string
}

export interface SteadyFigures {
  readonly checkpoints: readonly SteadyCheckpoint[]
  readonly storageFactors: readonly number[]
  readonly restoreFactors: readonly number[]
}

export class CheckpointWatch {
  readonly pausesMs: number[] = []
  readonly #run: OwnRun
  readonly #folder: string
  readonly #isOurs: boolean
  readonly #completed: Completed[] = []
  /** By checkpoint, of the acks. */
  readonly #changes = new Map<number, { readonly bytes: number; readonly keys: number }>()
  #control: TopicReader | undefined
  #controlOffset = 0
  #steadyFrom = 0
  /** Files of the steady phase, as far as they outlived a sample: nearly all, since a checkpoint or two keep them. */
  readonly #seen = new Set<string>()
  #writtenBytes = 0
  #sampling: Promise<void> = Promise.resolve()
  #isStopping = false
  #liveBytes: number | undefined
  readonly #storageFactors: number[] = []
  readonly #restoreFactors: number[] = []

  /** @param folder where its checkpoints lie */
  constructor(run: OwnRun, engine: EngineChoice, folder: string) {
    this.#run = run
    this.#folder = folder
    this.#isOurs = engine.kitName === null
  }

  get count(): number {
    return this.#completed.length
  }

  /** A line of the engine's. */
  take(line: string): void {
    const flink = FLINK.exec(line)
    if (flink !== null) {
      this.#completed.push({ checkpoint: Number(flink[1]), bytes: 0, durationMs: Number(flink[2]) })
    } else if (line.startsWith('{') && line.includes('"checkpoint-completed"')) {
      this.#completed.push(JSON.parse(line))
    }
  }

  /** What is left behind when nothing changes: merges under way end, older checkpoints go. */
  async untilQuiet(): Promise<void> {
    let before = -1
    for (let same = 0; same < 3; ) {
      await sleep(3 * SAMPLE_EVERY_MS)
      const bytes = await this.storedBytes()
      same = Math.abs(bytes - before) < bytes / 1000 ? same + 1 : 0
      before = bytes
    }
  }

  async storedBytes(): Promise<number> {
    return sum((await filesBelow(this.#folder)).values())
  }

  /** What a restore of the last completed checkpoint reads; undefined where it isn't known. */
  async chainBytes(): Promise<number | undefined> {
    const last = this.#completed.at(-1)
    if (last?.path === undefined) return undefined
    const file = join(this.#folder, last.path)
    const metadata = await readFile(file).catch(() => undefined)
    if (metadata === undefined) return undefined
    const links = Object.values(decodeMetadata(metadata, last.path).chains).flat()
    return links.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  start(): void {
    this.#sampling = this.#sample()
    // It is awaited by `stop`; until then a rejection must not count as unhandled.
    this.#sampling.catch(() => {})
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#sampling
    this.#control?.close()
    this.#control = undefined
  }

  async beginSteady(liveBytes: number): Promise<void> {
    for (const path of (await filesBelow(this.#folder)).keys()) this.#seen.add(path)
    this.#steadyFrom = this.#completed.length
    this.#liveBytes = liveBytes
  }

  endSteady(): SteadyFigures {
    this.#liveBytes = undefined
    const all = this.#completed.length - this.#steadyFrom
    // Those at the borders are of two phases.
    const checkpoints = this.#completed.slice(this.#steadyFrom + 1, -1).flatMap(({ checkpoint, durationMs, bytes: told }) => {
      const bytes = this.#isOurs ? told : this.#writtenBytes / all
      const changes = this.#changes.get(checkpoint)
      if (changes?.keys === 0) return []
      return [{ durationMs, bytes, ...(changes && { changedBytes: changes.bytes, changedKeys: changes.keys }) }]
    })
    return { checkpoints, storageFactors: this.#storageFactors, restoreFactors: this.#restoreFactors }
  }

  async #sample(): Promise<void> {
    let last = 0
    while (!this.#isStopping) {
      await sleep(SAMPLE_EVERY_MS)
      if (this.#isOurs && this.#completed.length > 0) await this.#readControl()
      const liveBytes = this.#liveBytes
      if (liveBytes === undefined) continue
      const files = await filesBelow(this.#folder)
      this.#storageFactors.push(sum(files.values()) / liveBytes)
      for (const [path, bytes] of files) {
        if (this.#seen.has(path)) continue
        this.#seen.add(path)
        this.#writtenBytes += bytes
      }
      if (this.#completed.length === last) continue
      last = this.#completed.length
      const bytes = await this.chainBytes()
      if (bytes !== undefined) this.#restoreFactors.push(bytes / liveBytes)
    }
  }

  async #readControl(): Promise<void> {
    this.#control ??= this.#run.topics.reader(`${this.#run.applicationId}.control`, 1)
    await this.#control.readToEnd(({ value }) => {
      const record = decodeControlRecord(Buffer.from(value), this.#controlOffset++)
      if (record.type !== 'checkpoint-acked') return
      const { segments, pauseMs } = record.manifest
      const slices = segments.flatMap((segment) => segment.slices)
      this.pausesMs.push(pauseMs)
      this.#changes.set(record.checkpoint, {
        bytes: slices.reduce((sum, { bytes }) => sum + bytes, 0),
        keys: slices.reduce((sum, { entries }) => sum + entries, 0),
      })
    })
  }
}

/** Path → bytes, of all that are still there. */
async function filesBelow(folder: string): Promise<Map<string, number>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const files = new Map<string, number>()
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const size = await stat(path).then(
      (found) => found.size,
      () => undefined,
    )
    if (size !== undefined) files.set(path, size)
  }
  return files
}

function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}
