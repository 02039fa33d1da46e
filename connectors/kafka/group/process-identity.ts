/**
 * Which process of which machine: a process id comes again, so the moment of its start belongs to it. Containers have
 * process ids of their own: who is in another namespace, or on another machine, can't be judged from here.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

export interface ProcessIdentity {
  readonly host: string
  /** In which process ids mean the same; and the boot of the kernel, since which starts are counted. */
  readonly namespace: string
  readonly pid: number
  /** In the kernel's ticks since boot, as text; empty where /proc is missing: there the id alone decides. */
  readonly start: string
}

export function thisProcess(): ProcessIdentity {
  const namespace = `${textOf('/proc/sys/kernel/random/boot_id')} ${linkOf('/proc/self/ns/pid')}`.trim()
  return { host: hostname(), namespace, pid: process.pid, start: startOf(process.pid) ?? '' }
}

/** Undefined: it can't be known from here. */
export function isGone(other: ProcessIdentity, self: ProcessIdentity = thisProcess()): boolean | undefined {
  if (other.host !== self.host || other.namespace !== self.namespace) return undefined
  // Without /proc of its own this process can't read anybody's.
  if (self.start !== '') return startOf(other.pid) !== other.start
  try {
    process.kill(other.pid, 0)
    return false
  } catch (error) {
    // EPERM: it is somebody else's, and there.
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

/** Field 22 of /proc/<pid>/stat (proc_pid_stat(5)); the second, the name in parentheses, may hold anything. */
function startOf(pid: number): string | undefined {
  const stat = textOf(`/proc/${pid}/stat`)
  return stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .at(22 - 3)
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
