/**
 * Who holds a state directory, for the message of MR_STATE_DIRECTORY_LOCKED. The lock itself is RocksDB's: an fcntl
 * lock, which the operating system releases when its process ends in whatever way, so this file may be stale and is
 * read only when the lock was refused.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const OWNER_FILE = 'owner.json'

export function writeOwner(directory: string): void {
  writeFileSync(join(directory, OWNER_FILE), `${JSON.stringify({ pid: process.pid, since: new Date().toISOString() })}\n`)
}

export function removeOwner(directory: string): void {
  rmSync(join(directory, OWNER_FILE), { force: true })
}

/** The process id of the last owner; null where it cannot be known. */
export function readOwner(directory: string): number | null {
  try {
    const owner: unknown = JSON.parse(readFileSync(join(directory, OWNER_FILE), 'utf8'))
    const pid = typeof owner === 'object' && owner !== null && 'pid' in owner ? owner.pid : null
    return typeof pid === 'number' ? pid : null
  } catch {
    return null
  }
}
