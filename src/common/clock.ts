/** Time and timers as a port, so that the simulator can own both. */
export interface Clock {
  /** Milliseconds since 1970, as the wall shows. May jump. */
  nowMs(): number
  /** Milliseconds since some moment. Never goes back. For durations. */
  monotonicMs(): number
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted before. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Resolves in a later turn of the event loop, so that I/O is served in between. */
  turn(): Promise<void>
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = () => {
        clearTimeout(timer)
        reject(signal?.reason)
      }
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      }, ms)
      signal?.addEventListener('abort', onAbort, { once: true })
    }),
  turn: () => new Promise((resolve) => setImmediate(resolve)),
}
