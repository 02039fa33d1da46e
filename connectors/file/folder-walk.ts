/** The files under a prefix, in ascending order of path. */
import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { StoredFile } from '../../src/ports/checkpoint-storage.ts'
import { codeOf } from './file-errors.ts'

/** Of one folder, at a time. */
const PARALLEL_STATS = 64

/** Other names are not ours: unfinished files, lost+found. */
const STORED_NAME = /^[\w.-]+$/

export async function* walk(root: string, prefix: string): AsyncGenerator<StoredFile> {
  yield* walkFolder(root, prefix.slice(0, prefix.lastIndexOf('/') + 1), prefix)
}

/** `folder` is empty or ends with a slash. */
async function* walkFolder(root: string, folder: string, prefix: string): AsyncGenerator<StoredFile> {
  const entries = (await entriesOf(join(root, folder)))
    .filter((entry) => STORED_NAME.test(entry.name))
    // Paths are compared with the slash in them: `a-b` comes before `a/b`.
    .map((entry) => ({ path: folder + entry.name + (entry.isDirectory() ? '/' : ''), isFile: entry.isFile() }))
    .filter(({ path }) => path.startsWith(prefix))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
  for (let start = 0; start < entries.length; start += PARALLEL_STATS) {
    const group = entries.slice(start, start + PARALLEL_STATS)
    const stats = await Promise.all(group.map(({ path, isFile }) => (isFile ? fileAt(root, path) : undefined)))
    for (const [i, { path }] of group.entries()) {
      const file = stats[i]
      if (file !== undefined) yield file
      else if (path.endsWith('/')) yield* walkFolder(root, path, prefix)
    }
  }
}

/** A folder that is not there is an empty one: it is made with its first file and removed with its last. */
async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

async function fileAt(root: string, path: string): Promise<StoredFile | undefined> {
  try {
    const { size, mtimeMs } = await stat(join(root, path))
    return { path, bytes: size, modifiedAtMs: mtimeMs }
  } catch (error) {
    // Deleted since its folder was read.
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}
