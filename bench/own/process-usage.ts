/** CPU and memory of processes, and of the machine, from Linux's /proc; undefined elsewhere. */
import { readFileSync, writeFileSync } from 'node:fs'

/** Linux counts CPU time for programs in hundredths of a second on every platform Node.js runs on. */
const TICKS_PER_SECOND = 100

/** User and system time of all its threads so far. */
export function cpuSecondsOf(pid: number | undefined): number | undefined {
  const stat = pid === undefined ? undefined : read(`/proc/${pid}/stat`)
  // The name of the program, in parentheses, may hold anything.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields === undefined ? undefined : (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** The most it ever had resident: the kernel's own high-water mark. */
export function peakRssMbOf(pid: number | undefined): number | undefined {
  const status = pid === undefined ? undefined : read(`/proc/${pid}/status`)
  const kilobytes = /^VmHWM:\s+(\d+)/m.exec(status ?? '')?.[1]
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024
}

/** Lets the high-water mark begin anew (proc(5), clear_refs). */
export function forgetPeakRss(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch {
    // It has ended, or the kernel doesn't offer this: then the mark is that of all its life.
  }
}

/** Time that all processors together have been busy. */
export function busySeconds(): number | undefined {
  const fields = read('/proc/stat')?.split('\n')[0]?.trim().split(/\s+/).map(Number)
  if (fields === undefined) return undefined
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = fields
  return (user + nice + system + irq + softirq) / TICKS_PER_SECOND
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
