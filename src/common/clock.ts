/** Time and timers as a port, so that the simulator can own both. */
export interface Clock {
  /** Milliseconds since 1970, as the wall shows. May jump. */
  nowMs(): number
  /** Milliseconds since some moment. Never goes back. For durations. */
  monotonicMs(): number
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted before. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls `run` once, after `ms`. Returns how to call it off. */
  schedule(ms: number, run: () => void): () => void
  /** Calls `run` every `ms`, without keeping the process alive. Returns how to end it. */
  every(ms: number, run: () => void): () => void
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
  schedule: (ms, run) => {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
  every: (ms, run) => {
    const timer = setInterval(run, ms).unref()
    return () => clearInterval(timer)
  },
  turn: () => new Promise((resolve) => setImmediate(resolve)),
}
