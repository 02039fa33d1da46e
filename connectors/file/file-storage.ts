/**
 * Checkpoints in a folder: a local disk, or a mount that all copies of the job share.
 *
 * A put writes the file aside, flushes it to the disk, links it to its name (which fails where the name is taken), and
 * flushes the folder that holds the name. So a file under its name is whole and survives a loss of power.
 */
import { mkdir, open, readFile, rmdir, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { assert } from '../../src/common/assert.ts'
import { MillraceError } from '../../src/common/errors.ts'
import type { CheckpointStorage, StoredFile } from '../../src/ports/checkpoint-storage.ts'
import { flushFolder, writeChunks } from './durable-writes.ts'
import { codeOf, fileError } from './file-errors.ts'
import { walk } from './folder-walk.ts'
import { publish, UnfinishedFiles } from './unfinished-files.ts'

/** libuv runs four file calls at a time by default: more wait in its queue. */
const PARALLEL_DELETES = 8

/** `file:///…`, absolute. */
export function createFileStorage(uri: string): CheckpointStorage {
  return new FileStorage(fileURLToPath(uri))
}

export class FileStorage implements CheckpointStorage {
  readonly uri: string
  private readonly root: string
  private readonly unfinished: UnfinishedFiles

  constructor(root: string) {
    this.root = root
    this.uri = pathToFileURL(root).href
    this.unfinished = new UnfinishedFiles(root)
  }

  async check(): Promise<void> {
    await this.explained('cannot use the storage', undefined, async () => {
      await mkdir(this.root, { recursive: true })
      await this.unfinished.probe()
    })
  }

  put(path: string, chunks: readonly Uint8Array[], signal?: AbortSignal): Promise<void> {
    return this.explained(`cannot write ${path}`, signal, async () => {
      const target = this.locate(path)
      const { path: unfinished, file } = await this.unfinished.create()
      try {
        // The folder is made while the bytes go to the disk.
        const [parents] = await Promise.all([this.makeFolder(dirname(target)), writeChunks(file, chunks, signal)])
        signal?.throwIfAborted()
        const isNew = await this.publish(unfinished, target)
        if (!isNew && !(await holds(target, chunks))) {
          throw new MillraceError('MR_STORAGE_EXISTS', `${path} exists in ${this.root} with other contents`)
        }
        // Of a file that was there, too: who put it may have died before this line.
        await Promise.all([...parents, dirname(target)].map(flushFolder))
      } finally {
        await file.close().catch(() => {})
        await this.unfinished.discard(unfinished)
      }
    })
  }

  get(path: string, signal?: AbortSignal): Promise<Buffer> {
    return this.reading(path, signal, (file) => readFile(file, { signal }))
  }

  getRange(path: string, start: number, end: number, signal?: AbortSignal): Promise<Buffer> {
    assert(0 <= start && start <= end, 'a range of a file has a start and an end in order')
    return this.reading(path, signal, async (source) => {
      const file = await open(source, 'r')
      try {
        const bytes = Buffer.allocUnsafe(end - start)
        let filled = 0
        while (filled < bytes.length) {
          const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled)
          if (bytesRead === 0) break
          filled += bytesRead
        }
        return bytes.subarray(0, filled)
      } finally {
        await file.close()
      }
    })
  }

  async *list(prefix: string): AsyncIterable<StoredFile> {
    try {
      yield* walk(this.root, prefix)
    } catch (error) {
      throw fileError(error, `cannot list ${prefix}`, this.root)
    }
  }

  async delete(paths: readonly string[]): Promise<void> {
    const waiting = [...paths].reverse()
    const deleteNext = async () => {
      for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) await this.deleteOne(path)
    }
    await Promise.all(Array.from({ length: PARALLEL_DELETES }, deleteNext))
  }

  async close(): Promise<void> {}

  private deleteOne(path: string): Promise<void> {
    return this.explained(`cannot delete ${path}`, undefined, async () => {
      const target = this.locate(path)
      try {
        await unlink(target)
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error
      }
      // A folder a checkpoint would add up. Only an empty one can be removed, and a put makes it again.
      for (let folder = dirname(target); folder !== this.root; folder = dirname(folder)) {
        const isRemoved = await rmdir(folder).then(
          () => true,
          () => false,
        )
        if (!isRemoved) break
      }
    })
  }

  /** Resolves with the folders whose entries are new. */
  private async makeFolder(folder: string): Promise<string[]> {
    const first = await mkdir(folder, { recursive: true })
    if (first === undefined) return []
    const changed: string[] = []
    for (let made = folder; made.length >= first.length; made = dirname(made)) changed.push(dirname(made))
    return changed
  }

  /** A deletion may remove the folder, empty for a moment, between its making and the link: then once more. */
  private async publish(unfinished: string, target: string): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await publish(unfinished, target)
      } catch (error) {
        if (codeOf(error) !== 'ENOENT' || attempt === 10) throw error
        await Promise.all((await this.makeFolder(dirname(target))).map(flushFolder))
      }
    }
  }

  private reading(path: string, signal: AbortSignal | undefined, read: (file: string) => Promise<Buffer>): Promise<Buffer> {
    return this.explained(`cannot read ${path}`, signal, async () => {
      try {
        return await read(this.locate(path))
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw error
        throw new MillraceError('MR_STORAGE_NOT_FOUND', `${path} is not in ${this.root}`, { cause: error })
      }
    })
  }

  private locate(path: string): string {
    assert(/^[\w.-]+(\/[\w.-]+)*$/.test(path) && !/(^|\/)\.\.?(\/|$)/.test(path), `"${path}" is a path of the storage`)
    return join(this.root, path)
  }

  /** Runs an operation until it ends or is aborted. File calls cannot be interrupted: one that hangs is left behind. */
  private async explained<T>(what: string, signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    signal?.throwIfAborted()
    const { promise: aborted, reject } = Promise.withResolvers<never>()
    const onAbort = () => reject(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await (signal === undefined ? run() : Promise.race([run(), aborted]))
    } catch (error) {
      throw signal?.aborted ? signal.reason : fileError(error, what, this.root)
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }
}

/** Whether a file has exactly these bytes. */
async function holds(path: string, chunks: readonly Uint8Array[]): Promise<boolean> {
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  if ((await stat(path)).size !== bytes) return false
  return (await readFile(path)).equals(Buffer.concat(chunks, bytes))
}
