import type { WorkerManifest } from './manifest.ts'

/** For tests: what worker `a` says of a checkpoint in which nothing happened, but for `changes`. */
export function manifestWith(changes: Partial<WorkerManifest> = {}): WorkerManifest {
  return {
    worker: 'a',
    positions: {},
    inputs: {},
    watermarks: {},
    output: null,
    segments: [],
    committables: [],
    committed: [],
    pauseMs: 0,
    stateEntries: 0,
    ...changes,
  }
}
