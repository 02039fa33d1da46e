/** What the main thread and a worker's thread tell one another: plain values, as a structured clone takes them. */
import type { GivenMemory, Measured } from '../planning/memory/memory-report.ts'
import type { CompletedNews } from '../runtime/worker-status.ts'
import type { FamilySnapshot } from '../service/metrics-snapshot.ts'
import type { TransferredConfig } from './config-transfer.ts'
import type { TransferredError } from './error-transfer.ts'

/** What a thread is started with. */
export interface ThreadTask {
  readonly kind: 'millrace-worker'
  /** Of the workers of this process, from 0 up. A slot has one thread at a time. */
  readonly slot: number
  /** Functions can't be posted: each thread loads the file itself. */
  readonly jobFile: string
  readonly directory: string
  readonly config: TransferredConfig
  readonly log: ThreadLog
}

/** How log lines are written: the thread makes them, the main thread has the stream. */
export interface ThreadLog {
  readonly format: 'text' | 'json'
  readonly colour: boolean
}

export type ToThread =
  | { readonly type: 'stop' }
  /** Answered by `here`. */
  | { readonly type: 'ask' }
  /** Answered by `metrics` with the same number. */
  | { readonly type: 'collect'; readonly request: number }
  /** Answered by `measured`. */
  | { readonly type: 'measure' }
  | { readonly type: 'memory'; readonly given: GivenMemory }

export type FromThread =
  | { readonly type: 'here' }
  | { readonly type: 'log'; readonly line: string }
  | { readonly type: 'state'; readonly state: 'restoring' | 'running' }
  | { readonly type: 'completed'; readonly completed: CompletedNews }
  | { readonly type: 'metrics'; readonly request: number; readonly families: readonly FamilySnapshot[] }
  | { readonly type: 'measured'; readonly measured: Measured }
  /** The last one: the worker has ended by itself. `error`: null for a stop. */
  | { readonly type: 'ended'; readonly error: TransferredError | null }

export function isThreadTask(data: unknown): data is ThreadTask {
  return typeof data === 'object' && data !== null && (data as { kind?: unknown }).kind === 'millrace-worker'
}
