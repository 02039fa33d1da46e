/**
 * Checkpoint storage of the simulated world: files outlive processes, calls take time and may fail. A put that its caller
 * has given up on, or did not live to see answered, may still be published, later.
 */
import { MillraceError } from '../../common/errors.ts'
import type { CheckpointStorage, StoredFile } from '../../ports/checkpoint-storage.ts'
import { MemoryStorage } from '../memory-storage.ts'
import { wallTimeMs } from './simulated-clock.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { Simulation } from './simulation.ts'

export interface StorageConditions {
  /** Of a call, ms. */
  readonly latencyMs: { readonly least: number; readonly most: number }
  /** Of a call: it fails for good, behind the storage's own retries. */
  readonly failure: number
  /** Of a put that fails or is called off: the file is published all the same, some time later. */
  readonly latePublication: number
  /** How long a call that fails keeps its caller waiting, ms, at most. */
  readonly deadlineMs: number
}

const CALM: StorageConditions = { latencyMs: { least: 0.5, most: 8 }, failure: 0, latePublication: 0.5, deadlineMs: 5_000 }

/** Of one answer to a list. */
const PAGE_FILES = 20

/** Files that belong to nobody's process. */
export class SimulatedStorage {
  conditions: StorageConditions = CALM
  /** Asked of each put before it is carried out: which waits, or fails, with what this returns. */
  putGate: ((path: string, process: SimulatedProcess) => Promise<void> | undefined) | undefined
  readonly files: MemoryStorage
  /** For checkers: called before files are deleted. */
  onDelete: (paths: readonly string[]) => void = () => {}
  private readonly simulation: Simulation

  constructor(simulation: Simulation, nowMs: () => number = () => wallTimeMs(simulation.nowMs)) {
    this.simulation = simulation
    this.files = new MemoryStorage(nowMs)
  }

  /** As a process sees it. */
  of(process: SimulatedProcess): CheckpointStorage {
    return new StorageOfProcess(this.simulation, process, this)
  }
}

class StorageOfProcess implements CheckpointStorage {
  readonly uri = 'simulated:'
  private readonly simulation: Simulation
  private readonly process: SimulatedProcess
  private readonly shared: SimulatedStorage

  constructor(simulation: Simulation, process: SimulatedProcess, shared: SimulatedStorage) {
    this.simulation = simulation
    this.process = process
    this.shared = shared
  }

  check(): Promise<void> {
    return this.call('check', undefined, async () => {})
  }

  put(path: string, chunks: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
    // As it left: what the caller does with its buffers later must not matter.
    const bytes = Buffer.concat(chunks)
    const publish = () => this.shared.files.put(path, [bytes])
    const carryOut = async () => {
      await this.shared.putGate?.(path, this.process)
      await publish()
    }
    return this.call('put', signal, carryOut, () => {
      const { latePublication, deadlineMs } = this.shared.conditions
      if (!this.process.random.chance(latePublication)) return
      const waitMs = this.process.random.between(0, 2 * deadlineMs)
      this.simulation.after(null, waitMs, 'late put', () => void publish().catch(() => {}))
    })
  }

  get(path: string, signal?: AbortSignal): Promise<Buffer> {
    return this.call('get', signal, async () => Buffer.from(await this.shared.files.get(path)))
  }

  getRange(path: string, start: number, end: number, signal?: AbortSignal): Promise<Buffer> {
    return this.call('getRange', signal, async () => Buffer.from(await this.shared.files.getRange(path, start, end)))
  }

  async *list(prefix: string): AsyncIterable<StoredFile> {
    // Page by page, each as it is at its own moment; any may fail.
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page: readonly StoredFile[] = await this.call('list', undefined, () => this.page(prefix, after ?? ''))
      yield* page
      after = page.length === PAGE_FILES ? page.at(-1)?.path : undefined
    }
  }

  private async page(prefix: string, after: string): Promise<StoredFile[]> {
    const found: StoredFile[] = []
    for await (const file of this.shared.files.list(prefix)) {
      if (file.path > after) found.push(file)
      if (found.length === PAGE_FILES) break
    }
    return found
  }

  delete(paths: readonly string[]): Promise<void> {
    return this.call('delete', undefined, () => {
      this.shared.onDelete(paths)
      return this.shared.files.delete(paths)
    })
  }

  async close(): Promise<void> {}

  /**
   * Carried out at the storage, then answered: a crash between the two leaves the caller without a word.
   *
   * @param onGivenUp the call fails or is called off before it was carried out
   */
  private call<T>(
    what: string,
    signal: AbortSignal | undefined,
    carryOut: () => Promise<T>,
    onGivenUp: () => void = () => {},
  ): Promise<T> {
    const { simulation, process } = this
    const { latencyMs, failure, deadlineMs } = this.shared.conditions
    const half = () => process.random.between(latencyMs.least, latencyMs.most) / 2
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      let isOver = false
      const settle = (deliver: () => void): void => {
        if (isOver) return
        isOver = true
        signal?.removeEventListener('abort', onAbort)
        deliver()
      }
      const giveUp = (reason: unknown): void => {
        if (isOver) return
        cancel()
        settle(() => reject(reason))
        onGivenUp()
      }
      const onAbort = () => giveUp(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      const answer = (deliver: () => void) => process.after(half(), `storage has answered ${what}`, () => settle(deliver))
      let cancel: () => void
      if (process.random.chance(failure)) {
        const unavailable = new MillraceError('MR_STORAGE_UNAVAILABLE', `${what} has failed`)
        cancel = process.after(process.random.between(0, deadlineMs), `storage fails ${what}`, () => giveUp(unavailable))
      } else {
        cancel = simulation.after(null, half(), `storage ${what}`, () => {
          carryOut().then(
            (result) => answer(() => resolve(result)),
            (error) => answer(() => reject(error)),
          )
        })
      }
    })
  }
}
