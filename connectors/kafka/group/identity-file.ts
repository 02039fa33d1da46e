/**
 * The member id of this worker, kept in its own folder: the process that comes after a kill takes the dead member out of
 * the group instead of waiting until its session has run out. Whoever opens it must hold the lock of the folder, so that
 * the member named there is known to be dead.
 */
import { open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { MemberRecord } from './member-record.ts'

const VERSION = 1

export class IdentityFile implements MemberRecord {
  readonly #path: string
  readonly #groupId: string

  constructor(path: string, groupId: string) {
    this.#path = path
    this.#groupId = groupId
  }

  /** None where there is no file, or none of this group. A damaged file is none: it only saves time. */
  async predecessors(): Promise<readonly string[]> {
    let parsed: unknown
    try {
      parsed = JSON.parse(await readFile(this.#path, 'utf8'))
    } catch {
      return []
    }
    if (typeof parsed !== 'object' || parsed === null) return []
    const { version, groupId, memberId } = parsed as Record<string, unknown>
    return version === VERSION && groupId === this.#groupId && typeof memberId === 'string' ? [memberId] : []
  }

  /** The next `write` takes its place. */
  async forget(): Promise<void> {}

  /** Resolves when it is on the disk. */
  async write(memberId: string): Promise<void> {
    const unfinished = `${this.#path}.unfinished`
    const file = await open(unfinished, 'w')
    try {
      await file.writeFile(`${JSON.stringify({ version: VERSION, groupId: this.#groupId, memberId })}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(unfinished, this.#path)
    await flushFolder(dirname(this.#path))
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true })
  }
}

/** The rename itself. Some file systems refuse it for folders; then the name is on the disk a moment later. */
async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync().catch(() => {})
  } finally {
    await folder.close()
  }
}
