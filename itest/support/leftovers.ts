/**
 * What must not outlive this process: told to a watchdog (watchdog.ts), one per process, started with the first of them.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type LeftoverKind = 'pid' | 'dir' | 'container'

let watchdog: ChildProcess | undefined

/** To be called right after the thing exists. */
export function guard(kind: LeftoverKind, name: string | number): void {
  write(`+${kind} ${name}\n`)
}

/** To be called once the thing is gone: a process id may be given to another program then. */
export function release(kind: LeftoverKind, name: string | number): void {
  write(`-${kind} ${name}\n`)
}

/** A new folder below the system's temporary folder, deleted at the latest when this process has ended. */
export function temporaryFolder(name: string): { path: string; remove(): Promise<void> } {
  const path = mkdtempSync(join(tmpdir(), `millrace-${name}-`))
  guard('dir', path)
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
      release('dir', path)
    },
  }
}

function write(line: string): void {
  watchdog ??= startWatchdog()
  watchdog.stdin?.write(line)
}

function startWatchdog(): ChildProcess {
  // Its own process group, so that Ctrl-C on the terminal doesn't end it before it has done its work.
  const child = spawn(process.execPath, [fileURLToPath(new URL('watchdog.ts', import.meta.url))], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  child.unref()
  ;(child.stdin as unknown as { unref(): void }).unref()
  return child
}
