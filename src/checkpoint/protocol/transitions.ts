/**
 * The life of an epoch and of a checkpoint, as tables: for each state, what each record of the control log does. Complete
 * at compile time: a new state or record type doesn't compile until every pair is decided. `void` means that the record
 * changes nothing: it was written by someone who had not read what stands before it.
 *
 *     none ─claimed→ claimed ─recovered→ recovered ─started→ started ─failed→ failed ─job-failed→ over
 *                       │                                  └─job-stopped→ stopped
 *                       └──────── a newer claim begins anew from anywhere ────────┘
 *
 *     (none) ─triggered→ pending ─completed→ completed
 *                           └────aborted──→ aborted
 */
import type { ControlRecordType } from './control-records.ts'

export type EpochState = 'none' | 'claimed' | 'recovered' | 'started' | 'failed' | 'over' | 'stopped'

type Outcome<S> = S | 'void'

/** What concerns checkpoints leaves the epoch as it is. */
const CHECKPOINTS_AS_IS = <S extends EpochState>(state: S) =>
  ({
    'checkpoint-triggered': state,
    'checkpoint-acked': state,
    'checkpoint-declined': state,
    'checkpoint-completed': state,
    'checkpoint-aborted': state,
    'checkpoint-dropped': state,
    'final-requested': state,
    'early-requested': state,
    'exchange-lagging': state,
    'savepoint-requested': state,
    'cancel-requested': state,
    'transactions-committed': state,
    'savepoint-progressed': state,
    'savepoint-completed': state,
    'request-failed': state,
    summary: state,
  }) as const

const NO_CHECKPOINTS = {
  'checkpoint-triggered': 'void',
  'checkpoint-acked': 'void',
  'checkpoint-declined': 'void',
  'checkpoint-completed': 'void',
  'checkpoint-aborted': 'void',
  'checkpoint-dropped': 'void',
  'final-requested': 'void',
  'early-requested': 'void',
  'exchange-lagging': 'void',
  'savepoint-requested': 'void',
  'cancel-requested': 'void',
  'transactions-committed': 'void',
  'savepoint-progressed': 'void',
  'savepoint-completed': 'void',
  'request-failed': 'void',
  'job-stopped': 'void',
  summary: 'void',
} as const

const NO_START = {
  'source-started': 'void',
  'transaction-salvaged': 'void',
  'savepoint-restored': 'void',
  'epoch-recovered': 'void',
  'worker-ready': 'void',
  'epoch-started': 'void',
} as const

/** The epoch's end: by a worker, by hand. */
const MAY_FAIL = { 'worker-failed': 'failed', 'restored-to': 'failed' } as const

export const EPOCH_TRANSITIONS: Readonly<Record<EpochState, Readonly<Record<ControlRecordType, Outcome<EpochState>>>>> = {
  none: {
    'epoch-claimed': 'claimed',
    'worker-failed': 'void',
    'restored-to': 'void',
    'job-failed': 'void',
    ...NO_START,
    ...NO_CHECKPOINTS,
  },
  claimed: {
    'epoch-claimed': 'claimed',
    'source-started': 'claimed',
    'transaction-salvaged': 'claimed',
    'savepoint-restored': 'claimed',
    'epoch-recovered': 'recovered',
    'worker-ready': 'void',
    'epoch-started': 'void',
    'job-failed': 'void',
    ...MAY_FAIL,
    ...NO_CHECKPOINTS,
  },
  recovered: {
    'epoch-claimed': 'claimed',
    'source-started': 'void',
    'transaction-salvaged': 'void',
    'savepoint-restored': 'void',
    'epoch-recovered': 'void',
    'worker-ready': 'recovered',
    'epoch-started': 'started',
    'job-failed': 'void',
    ...MAY_FAIL,
    ...NO_CHECKPOINTS,
  },
  started: {
    'epoch-claimed': 'claimed',
    'job-failed': 'void',
    'job-stopped': 'stopped',
    ...NO_START,
    ...MAY_FAIL,
    ...CHECKPOINTS_AS_IS('started'),
  },
  // What failed first is the cause; what follows from it is void. A rewind by hand is possible whenever nothing runs.
  failed: {
    'epoch-claimed': 'claimed',
    'worker-failed': 'void',
    'restored-to': 'failed',
    'job-failed': 'over',
    ...NO_START,
    ...NO_CHECKPOINTS,
  },
  stopped: {
    'epoch-claimed': 'claimed',
    'worker-failed': 'void',
    'restored-to': 'stopped',
    'job-failed': 'void',
    ...NO_START,
    ...NO_CHECKPOINTS,
  },
  over: {
    'epoch-claimed': 'claimed',
    'worker-failed': 'void',
    'restored-to': 'over',
    'job-failed': 'void',
    ...NO_START,
    ...NO_CHECKPOINTS,
  },
}

export type CheckpointState = 'none' | 'pending' | 'completed' | 'aborted'

export type CheckpointRecordType = Extract<ControlRecordType, `checkpoint-${string}`>

export const CHECKPOINT_TRANSITIONS: Readonly<
  Record<CheckpointState, Readonly<Record<Exclude<CheckpointRecordType, 'checkpoint-dropped'>, Outcome<CheckpointState>>>>
> = {
  none: {
    'checkpoint-triggered': 'pending',
    'checkpoint-acked': 'void',
    'checkpoint-declined': 'void',
    'checkpoint-completed': 'void',
    'checkpoint-aborted': 'void',
  },
  pending: {
    'checkpoint-triggered': 'void',
    'checkpoint-acked': 'pending',
    'checkpoint-declined': 'pending',
    'checkpoint-completed': 'completed',
    'checkpoint-aborted': 'aborted',
  },
  // The first decision stands (R2): whatever comes later about a decided checkpoint is void.
  completed: {
    'checkpoint-triggered': 'void',
    'checkpoint-acked': 'void',
    'checkpoint-declined': 'void',
    'checkpoint-completed': 'void',
    'checkpoint-aborted': 'void',
  },
  aborted: {
    'checkpoint-triggered': 'void',
    'checkpoint-acked': 'void',
    'checkpoint-declined': 'void',
    'checkpoint-completed': 'void',
    'checkpoint-aborted': 'void',
  },
}
