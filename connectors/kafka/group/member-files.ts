/**
 * The member ids of workers that have no locked folder of their own (identity-file.ts is for those that have): a file for
 * each worker in one folder, with the process that it runs in. A worker that starts takes those out of the group whose
 * process is gone, and whoever had its own slot in its own process: a slot has one thread at a time.
 *
 * Several that start at once may find the same dead: to remove one twice is no error.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { MemberRecord } from './member-record.ts'
import { isGone, type ProcessIdentity, thisProcess } from './process-identity.ts'

const VERSION = 1
/** What can't be judged from here, other machines' and containers', is nobody's after that time. */
const FORGOTTEN_AFTER_MS = 7 * 24 * 3_600_000

interface Entry {
  readonly path: string
  readonly groupId: string
  readonly memberId: string
  readonly process: ProcessIdentity
  readonly slot: number
}

export class MemberFiles implements MemberRecord {
  readonly #folder: string
  readonly #groupId: string
  readonly #slot: number
  readonly #self: ProcessIdentity
  readonly #path: string
  #dead: readonly Entry[] = []

  /** @param slot of this worker among those of its process */
  constructor(folder: string, groupId: string, slot: number, self = thisProcess()) {
    this.#folder = folder
    this.#groupId = groupId
    this.#slot = slot
    this.#self = self
    this.#path = join(folder, `${randomUUID()}.json`)
  }

  async predecessors(): Promise<readonly string[]> {
    const entries: Entry[] = []
    for (const name of await readdir(this.#folder).catch(() => [])) {
      if (!name.endsWith('.json')) continue
      const entry = await this.#read(join(this.#folder, name))
      if (entry !== undefined && entry.groupId === this.#groupId && this.#isDead(entry)) entries.push(entry)
    }
    this.#dead = entries
    return entries.map(({ memberId }) => memberId)
  }

  async forget(memberId: string): Promise<void> {
    for (const { path } of this.#dead.filter((entry) => entry.memberId === memberId)) {
      // What can't be deleted is found again by the next one, and is nobody then.
      await rm(path, { force: true }).catch(() => {})
    }
  }

  /** It only saves time, so it needn't be on the disk when the machine fails: all its members are gone with it. */
  async write(memberId: string): Promise<void> {
    await mkdir(this.#folder, { recursive: true })
    const content = { version: VERSION, groupId: this.#groupId, memberId, process: this.#self, slot: this.#slot }
    await writeFile(`${this.#path}.unfinished`, `${JSON.stringify(content)}\n`)
    await rename(`${this.#path}.unfinished`, this.#path)
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true })
  }

  #isDead({ process, slot }: Entry): boolean {
    const { pid, start, host, namespace } = this.#self
    const isOwn = process.pid === pid && process.start === start && process.host === host && process.namespace === namespace
    return isOwn ? slot === this.#slot : isGone(process, this.#self) === true
  }

  /** Undefined: not ours, damaged, or gone meanwhile. What is old and strange is deleted. */
  async #read(path: string): Promise<Entry | undefined> {
    try {
      const { version, groupId, memberId, process, slot } = JSON.parse(await readFile(path, 'utf8'))
      const { mtimeMs } = await stat(path)
      const isKnown = version === VERSION && typeof memberId === 'string' && typeof process === 'object' && process !== null
      const isJudged = isKnown && isGone(process, this.#self) !== undefined
      if (!isJudged && Date.now() - mtimeMs > FORGOTTEN_AFTER_MS) await rm(path, { force: true })
      return isKnown ? { path, groupId, memberId, process, slot } : undefined
    } catch {
      return undefined
    }
  }
}
