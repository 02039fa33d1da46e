/**
 * How the threads of workers are set up: the one place for it. Memory limits and flags of the process
 * (`--max-old-space-size`, also in NODE_OPTIONS) hold for each thread's heap.
 */
import type { WorkerOptions } from 'node:worker_threads'

export const THREAD_OPTIONS = {} satisfies WorkerOptions
