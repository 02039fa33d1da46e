/** How a program under test dies: by SIGKILL at the very place, and leaves word that it came there. */
import { writeFileSync } from 'node:fs'

/** Doesn't return. @param reachedFile is made, with the place in it */
export function dieAt(place: string, reachedFile: string | undefined): never {
  if (reachedFile !== undefined) writeFileSync(reachedFile, place)
  process.kill(process.pid, 'SIGKILL')
  // The signal is on its way: nothing more may happen here.
  for (;;) {}
}
