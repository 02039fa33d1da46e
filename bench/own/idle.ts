/**
 * What a job costs that has nothing to do, with a checkpoint each second: CPU of each process, and what it writes. One copy
 * alone, and three that share a re-keyed job; a little input first, so that there is state, and all code has run.
 */
import { mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { temporaryFolder } from '../../itest/support/leftovers.ts'
import { type EngineChoice, engineById } from '../engines.ts'
import { known, type Measurement } from '../measurement.ts'
import type { BenchOptions } from '../options.ts'
import { EngineProcess } from './engine-process.ts'
import type { OwnSetting } from './own-run.ts'
import { Topics } from './topics.ts'
import { Workload } from './workload.ts'

export interface IdleChoice extends EngineChoice {
  readonly copies: number
  readonly rekey: boolean
}

export const IDLE_CHOICES: readonly IdleChoice[] = [
  { ...engineById('millrace'), variant: 'idle, 1 copy', copies: 1, rekey: false },
  { ...engineById('millrace'), variant: 'idle, 3 copies, re-keyed', copies: 3, rekey: true },
]

export const IDLE_NOTE =
  'CPU % is of one core, for the busiest of the processes; files and KB are of all, in the checkpoint storage'

const RECORDS = 1_000
/** Until copies have found each other, and the runtime has optimised what it will. */
const SETTLE_SECONDS = 15

export async function measureIdle(
  setting: OwnSetting,
  { copies, rekey, env }: IdleChoice,
  options: BenchOptions,
): Promise<Measurement> {
  const topics = await Topics.connect(setting.bootstrap)
  const folder = temporaryFolder('bench')
  const id = `${Date.now().toString(36)}-${copies}`
  const [input, output, applicationId] = [`bench-in-${id}`, `bench-out-${id}`, `bench-app-${id}`]
  const processes: EngineProcess[] = []
  try {
    await topics.create(input)
    await topics.create(output)
    for (let copy = 0; copy < copies; copy++) {
      processes.push(
        new EngineProcess({
          command: setting.product,
          directory: folder.path,
          env: {
            ...env,
            KAFKA_BOOTSTRAP: setting.bootstrap,
            IN_TOPIC: input,
            OUT_TOPIC: output,
            APP_ID: applicationId,
            REKEY: rekey ? '1' : '0',
            INTERVAL_MS: String(options.intervalMs),
            STATE_DIR: folder.path,
          },
        }),
      )
    }
    const writer = await topics.writer(input)
    await writer.fill(new Workload(options.keys), 0, RECORDS)
    writer.close()
    await Promise.all(processes.map((process) => process.event('started')))
    await sleep(SETTLE_SECONDS * 1000)

    const storage = new WrittenFiles(join(folder.path, 'checkpoints'))
    const before = usage(processes)
    const watching = setInterval(() => storage.look(), 100)
    await sleep(options.seconds * 1000)
    clearInterval(watching)
    storage.look()
    const after = usage(processes)
    const ended = processes.find((process) => process.hasEnded)
    if (ended !== undefined) return { isRight: false, problem: `a copy has ended by itself:\n${ended.tail()}`, values: {} }
    const percents = after.cpuSeconds.map((seconds, i) => ((seconds - before.cpuSeconds[i]!) / options.seconds) * 100)
    const checkpoints = after.checkpoints - before.checkpoints
    if (checkpoints === 0) return { isRight: false, problem: 'no checkpoint was completed', values: {} }
    return {
      isRight: true,
      values: known({
        cpuPercent: Math.max(...percents),
        peakRssMb: Math.max(...processes.map((process) => process.peakRssMb())),
        checkpoints,
        filesPerCheckpoint: storage.files / checkpoints,
        checkpointKb: storage.bytes / checkpoints / 1024,
      }),
    }
  } finally {
    await Promise.all(processes.map((process) => process.kill()))
    await topics.delete(input, output, `${applicationId}.control`).catch(() => {})
    topics.close()
    await folder.remove()
  }
}

function usage(processes: readonly EngineProcess[]) {
  return {
    cpuSeconds: processes.map((process) => process.cpuSeconds()),
    checkpoints: processes[0]!.events.filter(({ event }) => event === 'checkpoint-completed').length,
  }
}

/** Files that appear below a folder, even if they are deleted soon. */
class WrittenFiles {
  files = 0
  bytes = 0
  readonly #folder: string
  readonly #seen = new Set<string>()

  constructor(folder: string) {
    this.#folder = folder
    mkdirSync(folder, { recursive: true })
    this.look()
    this.files = 0
    this.bytes = 0
  }

  look(): void {
    for (const entry of readdirSync(this.#folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name)
      if (!entry.isFile() || this.#seen.has(path)) continue
      this.#seen.add(path)
      this.files++
      this.bytes += statSync(path, { throwIfNoEntry: false })?.size ?? 0
    }
  }
}
