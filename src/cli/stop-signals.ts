/** SIGTERM and SIGINT ask the job to stop; SIGINT once more ends the process without waiting for it. */
import type { Clock } from '../common/clock.ts'
import type { SignalSource } from './cli-environment.ts'

/**
 * `npm run` passes on a SIGINT that the terminal has already sent to the whole process group, so one Ctrl-C arrives
 * twice: within this time the second is an echo of the first.
 */
const ECHO_MS = 300

export interface StopSignals {
  /** Resolves with the first signal. */
  readonly stop: Promise<'SIGINT' | 'SIGTERM'>
  /** Resolves when someone insists. */
  readonly insist: Promise<void>
  /** Gives the signals back to whoever had them before. */
  dispose(): void
}

export function listenForStop(signals: SignalSource, clock: Clock): StopSignals {
  const stop = Promise.withResolvers<'SIGINT' | 'SIGTERM'>()
  const insist = Promise.withResolvers<void>()
  let firstAtMs: number | undefined
  const onSigterm = () => {
    firstAtMs ??= clock.monotonicMs()
    stop.resolve('SIGTERM')
  }
  const onSigint = () => {
    const nowMs = clock.monotonicMs()
    if (firstAtMs !== undefined && nowMs - firstAtMs > ECHO_MS) insist.resolve()
    firstAtMs ??= nowMs
    stop.resolve('SIGINT')
  }
  signals.on('SIGTERM', onSigterm)
  signals.on('SIGINT', onSigint)
  return {
    stop: stop.promise,
    insist: insist.promise,
    dispose() {
      signals.off('SIGTERM', onSigterm)
      signals.off('SIGINT', onSigint)
    },
  }
}
