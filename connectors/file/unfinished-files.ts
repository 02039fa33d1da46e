/**
 * The folder of files that are being written. They lie apart from the finished ones, under a name that no path of the
 * port can have (`~`), so that whoever lists sees finished files alone and what a crash left is found in one place.
 */
import { randomUUID } from 'node:crypto'
import { type FileHandle, link, mkdir, open, readdir, readFile, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { MillraceError } from '../../src/common/errors.ts'
import { codeOf, lacksHardLinks } from './file-errors.ts'

/** Every write moves a file's time forward: one that was not written to for so long has lost its writer. */
const ABANDONED_AFTER_MS = 60 * 60 * 1000

export class UnfinishedFiles {
  private readonly folder: string
  private isMade = false

  constructor(root: string) {
    this.folder = join(root, '~unfinished')
  }

  async create(): Promise<{ path: string; file: FileHandle }> {
    const path = join(this.folder, randomUUID())
    if (this.isMade) {
      try {
        return { path, file: await open(path, 'wx') }
      } catch (error) {
        // Someone tidied the folder away.
        if (codeOf(error) !== 'ENOENT') throw error
      }
    }
    await mkdir(this.folder, { recursive: true })
    this.isMade = true
    return { path, file: await open(path, 'wx') }
  }

  /** Best effort: what stays is removed when it is old. */
  async discard(path: string): Promise<void> {
    await unlink(path).catch(() => {})
  }

  /** Writes, publishes, reads and deletes a file, all within this folder; and removes what crashed writers left. */
  async probe(): Promise<void> {
    const { path, file } = await this.create()
    const published = `${path}.published`
    try {
      await file.writeFile('probe')
      await file.close()
      await publish(path, published)
      if (await publish(path, published)) {
        throw new MillraceError('MR_STORAGE_UNSUPPORTED', `${this.folder} lets a file be published twice under one name`)
      }
      if ((await readFile(published, 'utf8')) !== 'probe') {
        throw new MillraceError('MR_STORAGE_UNSUPPORTED', `${this.folder} does not give back what was written`)
      }
      // By the clock of the file system, which over a network is another one than ours.
      await this.removeAbandoned((await stat(published)).mtimeMs - ABANDONED_AFTER_MS)
    } finally {
      await file.close().catch(() => {})
      await Promise.all([this.discard(path), this.discard(published)])
    }
  }

  private async removeAbandoned(beforeMs: number): Promise<void> {
    for (const name of await readdir(this.folder)) {
      const path = join(this.folder, name)
      const found = await stat(path).catch(() => undefined)
      if (found !== undefined && found.mtimeMs < beforeMs) await this.discard(path)
    }
  }
}

/**
 * Gives a whole file its name, atomically, and never over another: rename(2) would replace it. False: there is one.
 */
export async function publish(unfinished: string, path: string): Promise<boolean> {
  try {
    await link(unfinished, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    if (lacksHardLinks(error)) {
      throw new MillraceError('MR_STORAGE_UNSUPPORTED', `the file system has no hard links: ${(error as Error).message}`, {
        cause: error,
        remedy: 'Use a folder on another file system; FAT and some network mounts have no hard links.',
      })
    }
    throw error
  }
}
