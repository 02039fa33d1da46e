/**
 * The folder where downloaded and built server programs are kept between runs, and the one way to put something there:
 * made aside, then renamed into place, by one process at a time. What exists in the cache is therefore always whole.
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url))

/** Absolute. `MILLRACE_CACHE`, else `.cache` in the repository (ignored by git). */
export function cacheDir(): string {
  return resolve(process.env.MILLRACE_CACHE || join(REPOSITORY, '.cache'))
}

/** Says what takes time, on stderr, so that it never mixes with a program's output. */
export function tell(line: string): void {
  process.stderr.write(`[servers] ${line}\n`)
}

/**
 * Makes `target` (a file or a folder) if it isn't there. `make` writes to the path it is given, on the same disk; only
 * when it resolves does the result appear under its name. A second process that wants the same waits for the first.
 */
export async function cached(target: string, what: string, make: (unfinished: string) => Promise<void>): Promise<string> {
  if (existsSync(target)) return target
  await mkdir(dirname(target), { recursive: true })
  await withLock(`${target}.lock`, what, async () => {
    if (existsSync(target)) return
    const startedAt = performance.now()
    tell(`${what}: not in the cache yet, making ${target}`)
    const unfinished = `${target}.unfinished`
    await rm(unfinished, { recursive: true, force: true })
    await make(unfinished)
    await rename(unfinished, target)
    tell(`${what}: ready after ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  })
  return target
}

/** A lock folder that names its owner; one whose owner no longer lives is taken over. */
async function withLock(lock: string, what: string, work: () => Promise<void>): Promise<void> {
  const owner = join(lock, 'pid')
  for (let waited = false; ; ) {
    try {
      await mkdir(lock)
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    if (await isAbandoned(lock, owner)) {
      await rm(lock, { recursive: true, force: true })
      continue
    }
    if (!waited) tell(`${what}: another process is making it, waiting`)
    waited = true
    await sleep(200)
  }
  try {
    await writeFile(owner, String(process.pid))
    await work()
  } finally {
    await rm(lock, { recursive: true, force: true })
  }
}

async function isAbandoned(lock: string, owner: string): Promise<boolean> {
  const pid = Number(await readFile(owner, 'utf8').catch(() => ''))
  if (pid > 0) return !isAlive(pid)
  // No owner written: either it is about to be, or its process died in between.
  const age = await stat(lock).then(
    (found) => Date.now() - found.mtimeMs,
    () => 0,
  )
  return age > 10_000
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
