/**
 * Runs beside a test process and outlives it by a moment: when the pipe on its standard input closes, however the test
 * process ended (SIGKILL too), it kills the processes, removes the containers and deletes the folders it was told of.
 *
 * Lines on standard input: `+pid 123`, `-pid 123`, `+dir /tmp/x`, `-dir /tmp/x`, `+container id`, `-container id`.
 */
import { rmSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { removeContainer } from './docker-engine.ts'

const left = { pid: new Set<string>(), dir: new Set<string>(), container: new Set<string>() }

for await (const line of createInterface({ input: process.stdin })) {
  const [, sign, kind, name] = /^([+-])(pid|dir|container) (.+)$/.exec(line) ?? []
  if (kind === undefined || name === undefined) continue
  const set = left[kind as keyof typeof left]
  if (sign === '+') set.add(name)
  else set.delete(name)
}

for (const pid of left.pid) {
  try {
    process.kill(Number(pid), 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
await Promise.allSettled([...left.container].map(removeContainer))
for (const dir of left.dir) rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
