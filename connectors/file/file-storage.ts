/**
 * Checkpoints in a folder: a local disk, or a mount that all copies of the job share.
 *
 * A put writes the file aside, flushes it to the disk, links it to its name (which fails where the name is taken), and
 * flushes the folder that holds the name. So a file under its name is whole and survives a loss of power.
 */
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ByteRuns } from '../../src/common/byte-runs.ts'
import { systemClock } from '../../src/common/clock.ts'
import { MillraceError } from '../../src/common/errors.ts'
import { unlessAborted } from '../../src/common/unless-aborted.ts'
import type { CheckpointStorage, StoredFile } from '../../src/ports/checkpoint-storage.ts'
import { checkedStoragePath, checkedStoragePrefix, checkRange } from '../../src/ports/storage-path.ts'
import { DurableFolders } from './durable-folders.ts'
import { flushFolder, writeChunks } from './durable-writes.ts'
import { codeOf, fileError } from './file-errors.ts'
import { walk } from './folder-walk.ts'
import { publish, UnfinishedFiles } from './unfinished-files.ts'

/** libuv runs four file calls at a time by default: more wait in its queue. */
const PARALLEL_DELETES = 8

/** So often a deletion may undo what a put needs, before it is an error. */
const MAX_ATTEMPTS = 10

const CLOSE_PATIENCE_MS = 5_000

/** To compare what is there with what was to be written. */
const PIECE_BYTES = 4 * 1024 * 1024

/** @param uri `file:///…`, absolute */
export function createFileStorage(uri: string): CheckpointStorage {
  return new FileStorage(fileURLToPath(uri).replace(/(?<=.)[\\/]+$/, ''))
}

export class FileStorage implements CheckpointStorage {
  readonly uri: string
  private readonly root: string
  private readonly folders: DurableFolders
  private readonly unfinished: UnfinishedFiles
  private readonly leftBehind = new Set<Promise<unknown>>()

  constructor(root: string) {
    this.root = root
    this.uri = pathToFileURL(root).href
    this.folders = new DurableFolders(root)
    this.unfinished = new UnfinishedFiles(root)
  }

  check(): Promise<void> {
    return this.explained('cannot use the storage', undefined, async () => {
      await Promise.all((await this.folders.make(this.root)).map(flushFolder))
      await this.unfinished.probe()
    })
  }

  async put(path: string, chunks: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
    const target = this.locate(path)
    await this.explained(`cannot write ${path}`, signal, async () => {
      const { path: unfinished, file } = await this.unfinished.create()
      try {
        // The folder is made while the bytes go to the disk.
        const folder = dirname(target)
        const [above] = await Promise.all([this.folders.make(folder), writeChunks(file, chunks, signal)])
        signal?.throwIfAborted()
        if (!(await this.publish(unfinished, target, chunks))) {
          throw new MillraceError('MR_STORAGE_EXISTS', `${path} exists in ${this.root} with other contents`)
        }
        // Of a file that was there, too: who put it may have died before this line.
        await Promise.all([folder, ...above].map(flushFolder))
        this.folders.flushed(folder)
      } finally {
        await file.close().catch(() => {})
        await this.unfinished.discard(unfinished)
      }
    })
  }

  async get(path: string, signal?: AbortSignal): Promise<Buffer> {
    return this.reading(path, signal, (file) => file.readFile())
  }

  async getRange(path: string, start: number, end: number, signal?: AbortSignal): Promise<Buffer> {
    checkRange(start, end)
    return this.reading(path, signal, (file) => readRange(file, start, end))
  }

  async *list(prefix: string): AsyncIterable<StoredFile> {
    try {
      yield* walk(this.root, checkedStoragePrefix(prefix))
    } catch (error) {
      throw fileError(error, `cannot list ${prefix}`, this.root)
    }
  }

  async delete(paths: readonly string[]): Promise<void> {
    const waiting = paths.map((path) => ({ path, file: this.locate(path) })).reverse()
    const deleteNext = async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) await this.deleteOne(next.path, next.file)
    }
    await Promise.all(Array.from({ length: PARALLEL_DELETES }, deleteNext))
  }

  /** Lets what was aborted clear up after itself, if it does so soon. */
  async close(): Promise<void> {
    const patience = new AbortController()
    const patienceEnds = systemClock.sleep(CLOSE_PATIENCE_MS, patience.signal).catch(() => undefined)
    await Promise.race([Promise.allSettled(this.leftBehind), patienceEnds])
    patience.abort()
  }

  private deleteOne(path: string, file: string): Promise<void> {
    return this.explained(`cannot delete ${path}`, undefined, async () => {
      try {
        await unlink(file)
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error
      }
      // Each checkpoint has a folder: they would add up.
      await this.folders.removeEmpty(dirname(file))
    })
  }

  /**
   * False: the name is taken by other bytes. A deletion may come between any two steps and remove the file that was there,
   * or the folder, empty for a moment: then once more.
   */
  private async publish(unfinished: string, target: string, chunks: readonly Uint8Array[]): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      try {
        return (await publish(unfinished, target)) || (await holds(target, chunks))
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || attempt === MAX_ATTEMPTS) throw error
        await Promise.all((await this.folders.make(dirname(target))).map(flushFolder))
      }
    }
  }

  private reading(path: string, signal: AbortSignal | undefined, read: (file: FileHandle) => Promise<Buffer>): Promise<Buffer> {
    const source = this.locate(path)
    return this.explained(`cannot read ${path}`, signal, async () => {
      try {
        const file = await open(source, 'r')
        try {
          return await read(file)
        } finally {
          await file.close()
        }
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error
        throw new MillraceError('MR_STORAGE_NOT_FOUND', `${path} is not in ${this.root}`, { cause: error })
      }
    })
  }

  private locate(path: string): string {
    return join(this.root, checkedStoragePath(path))
  }

  /** A file call cannot be interrupted: one that hangs, on a network mount whose server is gone, is left behind. */
  private async explained<T>(what: string, signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    let running: Promise<T> | undefined
    try {
      return await unlessAborted(signal, () => {
        running = run()
        return running
      })
    } catch (error) {
      if (!signal?.aborted) throw fileError(error, what, this.root)
      if (running !== undefined) this.leaveBehind(running)
      throw signal.reason
    }
  }

  private leaveBehind(running: Promise<unknown>): void {
    this.leftBehind.add(running)
    const forget = () => this.leftBehind.delete(running)
    running.then(forget, forget)
  }
}

async function readRange(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(end - start)
  let filled = 0
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}

/** Whether a file has exactly these bytes. */
async function holds(path: string, chunks: readonly Uint8Array[]): Promise<boolean> {
  const wanted = new ByteRuns(chunks)
  const file = await open(path, 'r')
  try {
    if ((await file.stat()).size !== wanted.bytes) return false
    for (let start = 0; start < wanted.bytes; start += PIECE_BYTES) {
      const end = Math.min(start + PIECE_BYTES, wanted.bytes)
      if (!(await readRange(file, start, end)).equals(wanted.slice(start, end))) return false
    }
    return true
  } finally {
    await file.close()
  }
}
