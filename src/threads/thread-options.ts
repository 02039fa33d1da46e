/**
 * How the threads of workers are set up: the one place for it. Flags of the process (`--max-old-space-size`, also in
 * NODE_OPTIONS) hold for each thread's heap.
 */
import type { WorkerOptions } from 'node:worker_threads'

/**
 * What a worker makes of one batch fits several times. V8's default is 96 MB a thread. Two workers that re-key 1,500,000
 * records, three runs each on a busy machine (Node 26.10): 402 to 444 MB and 4.2 to 4.6 µs of CPU a record with the default,
 * 315 to 321 MB and 4.3 to 4.9 µs with this. So it buys 50 MB a worker for a few percent of CPU at most.
 */
const MAX_YOUNG_GENERATION_MB = 16

export const THREAD_OPTIONS: WorkerOptions = { resourceLimits: { maxYoungGenerationSizeMb: MAX_YOUNG_GENERATION_MB } }
