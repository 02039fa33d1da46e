/** Makes folders whose names survive a loss of power. */
import { mkdir, rmdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from './file-errors.ts'

/** Each is some ten bytes in memory; a forgotten one is flushed once more. */
const MAX_REMEMBERED = 1000

const MAX_ATTEMPTS = 10

export class DurableFolders {
  private readonly root: string
  /** Their names, and those of all above them, were flushed since this process has known them. */
  private readonly durable = new Set<string>()

  constructor(root: string) {
    this.root = root
  }

  /**
   * Makes a folder and all above it. Resolves with the folders to flush before anything in it counts as durable: also
   * where the folder was there, for whoever made it may have died before flushing.
   */
  async make(folder: string): Promise<string[]> {
    const firstMade = await makeFolders(folder)
    const toFlush: string[] = []
    for (let made = folder; ; made = dirname(made)) {
      const isNew = firstMade !== undefined && made.length >= firstMade.length
      if (!isNew && (this.durable.has(made) || made.length <= this.root.length)) break
      toFlush.push(dirname(made))
    }
    return toFlush
  }

  /** The folders that `make` named have been flushed. */
  flushed(folder: string): void {
    if (this.durable.size >= MAX_REMEMBERED) this.durable.clear()
    for (let known = folder; known.length > this.root.length; known = dirname(known)) this.durable.add(known)
  }

  /** Removes a folder, and then those above it, up to the root, while they are empty. A put makes them again. */
  async removeEmpty(folder: string): Promise<void> {
    for (let empty = folder; empty.length > this.root.length; empty = dirname(empty)) {
      this.durable.delete(empty)
      try {
        await rmdir(empty)
      } catch {
        return
      }
    }
  }
}

/** Resolves with the first of them that was not there. mkdir -p fails when a folder that it found is removed meanwhile. */
async function makeFolders(folder: string): Promise<string | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await mkdir(folder, { recursive: true })
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || attempt === MAX_ATTEMPTS) throw error
    }
  }
}
