/** A step of the start with a deadline that has a name (R6). */
import type { Clock } from '../common/clock.ts'
import { MillraceError } from '../common/errors.ts'

/** Rejects with MR_EPOCH_TIMEOUT when the promise has not settled in time; what it does goes on in the background. */
export async function withDeadline<T>(clock: Clock, name: string, timeoutMs: number, promise: Promise<T>): Promise<T> {
  const cancel = new AbortController()
  const late = clock.sleep(timeoutMs, cancel.signal).then(() => {
    throw new MillraceError('MR_EPOCH_TIMEOUT', `${name} has not ended within ${timeoutMs} ms`)
  })
  late.catch(() => {})
  try {
    return await Promise.race([promise, late])
  } finally {
    cancel.abort(new Error('done'))
  }
}
