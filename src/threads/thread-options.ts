/**
 * How the threads of workers are set up: the one place for it. Flags of the process (`--max-old-space-size`, also in
 * NODE_OPTIONS) hold for each thread's heap.
 */
import type { WorkerOptions } from 'node:worker_threads'

/**
 * What a worker makes of one batch fits several times. V8's default is 96 MB a thread: re-keying with two workers took 390
 * to 446 MB with it, 316 to 325 MB with this, and as much CPU (Node 26.10).
 */
const MAX_YOUNG_GENERATION_MB = 16

export const THREAD_OPTIONS: WorkerOptions = { resourceLimits: { maxYoungGenerationSizeMb: MAX_YOUNG_GENERATION_MB } }
