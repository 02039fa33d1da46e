/**
 * Settings of memory that can only be made before a process begins. `millrace run` replaces itself by itself with them, once:
 * same process id, same streams, some 40 ms.
 *
 * glibc's malloc gives each thread a heap of its own and raises, by what it has seen, the size from which memory is given
 * back to the system. Under RocksDB's and Node.js's threads, with buffers that come and go, a quarter of a worker's memory
 * lies in holes of such heaps (docs/design/0009-state-at-size.md).
 */
import { isMainThread } from 'node:worker_threads'

/** glibc, malloc tunables: two heaps; blocks from 256 KiB on go back at once; free memory at a heap's end from 4 MiB on. */
const MALLOC_SETTINGS = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: String(256 * 1024),
  MALLOC_TRIM_THRESHOLD_: String(4 * 1024 * 1024),
}
/** MB. V8's own is 16: three times that is what the young generation takes. */
const SEMI_SPACE = '--max-semi-space-size=8'

export interface ProcessFacts {
  readonly platform: string
  readonly args: readonly string[]
  readonly execArgs: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
}

/** What the process is to be replaced by; null: it stays as it is. Whatever its user has set is left as it is. */
export function settledProcess({ platform, args, execArgs, env }: ProcessFacts): Pick<ProcessFacts, 'execArgs' | 'env'> | null {
  // Another allocator is loaded in front, or the parent speaks to us over a channel, which does not outlive this.
  const isOthers = env.LD_PRELOAD !== undefined || env.NODE_CHANNEL_FD !== undefined
  const isSet = Object.keys(MALLOC_SETTINGS).some((name) => env[name] !== undefined)
  if (platform !== 'linux' || args[0] !== 'run' || isOthers || isSet) return null
  const hasSemiSpace = /semi[-_]space/.test([...execArgs, env.NODE_OPTIONS ?? ''].join(' '))
  return { execArgs: hasSemiSpace ? execArgs : [SEMI_SPACE, ...execArgs], env: { ...env, ...MALLOC_SETTINGS } }
}

/** Returns only where nothing is to be replaced, or can be: `process.execve` is there from Node.js 22.15 on. */
export function settleMemory(): void {
  if (!isMainThread || typeof process.execve !== 'function') return
  const { platform, execPath, execArgv: execArgs, argv, env } = process
  const settled = settledProcess({ platform, args: argv.slice(2), execArgs, env })
  if (settled === null) return
  const variables = Object.fromEntries(Object.entries(settled.env).filter(([, value]) => value !== undefined))
  process.execve(execPath, [execPath, ...settled.execArgs, ...argv.slice(1)], variables as NodeJS.ProcessEnv)
}
