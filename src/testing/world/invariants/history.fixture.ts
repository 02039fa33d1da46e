/** For tests: records and checkpoints of made-up histories, as the invariants are shown them. */
import { composeMetadata } from '../../../checkpoint/compose.ts'
import { manifestWith } from '../../../checkpoint/manifest.fixture.ts'
import type { WorkerManifest } from '../../../checkpoint/manifest.ts'
import { type CheckpointMetadata, checkpointPath, encodeMetadata, sha256Hex } from '../../../checkpoint/metadata.ts'
import type {
  CheckpointKind,
  ControlRecord,
  SavepointCompleted,
  SavepointRestored,
} from '../../../checkpoint/protocol/control-records.ts'
import type { SavepointMetadata } from '../../../checkpoint/savepoint/savepoint-metadata.ts'
import type { Completed, Logged, Restored } from './invariant.ts'

export function valid(offset: number, record: ControlRecord): Logged {
  return { offset, record, isValid: true }
}

export function claim(previousEpoch: number): ControlRecord {
  const members = [{ worker: 'a', joinNonce: 'n', memberId: 'm' }]
  const assignment = { a: ['s/0'] }
  return {
    type: 'epoch-claimed',
    nonce: 'n',
    previousEpoch,
    members,
    assignment,
    graphDigest: 'g',
    workers: 1,
    slots: 4,
    at: '',
  }
}

export const ready = (epoch: number, worker = 'a'): ControlRecord => ({
  type: 'worker-ready',
  epoch,
  worker,
  exchangeProducerId: null,
})
export const triggered = (epoch: number, checkpoint: number): ControlRecord => ({
  type: 'checkpoint-triggered',
  epoch,
  checkpoint,
  kind: 'periodic',
})
/** For request `r`. */
export const triggeredFor = (checkpoint: number, kind: CheckpointKind = 'periodic', request = 'r'): ControlRecord => ({
  type: 'checkpoint-triggered',
  epoch: 0,
  checkpoint,
  kind,
  request,
})
export const savepointAsked = (isStop = false, request = 'r'): ControlRecord => ({
  type: 'savepoint-requested',
  epoch: 0,
  request,
  to: null,
  isStop,
  at: '',
})
export const cancelAsked = (request = 'r'): ControlRecord => ({ type: 'cancel-requested', epoch: 0, request, at: '' })
export const saved = (checkpoint: number, request = 'r'): SavepointCompleted => ({
  type: 'savepoint-completed',
  epoch: 0,
  request,
  checkpoint,
  uri: 'memory:/one',
  sha256: 'd',
  bytes: 4,
})
export const failed = (request = 'r'): ControlRecord => ({ type: 'request-failed', epoch: 0, request, code: 'MR', cause: '' })
export const stopped = (isForgotten = false, request = 'r'): ControlRecord => ({
  type: 'job-stopped',
  epoch: 0,
  request,
  isForgotten,
})
export const taken = (checkpoint: number, sha256 = 'd', isForced = false): SavepointRestored => ({
  type: 'savepoint-restored',
  epoch: 0,
  savepoint: { uri: 'memory:/one', sha256 },
  checkpoint,
  path: 'copy',
  sha256: 'c',
  isForced,
})
export const completed = (epoch: number, checkpoint: number): ControlRecord => ({
  type: 'checkpoint-completed',
  epoch,
  checkpoint,
  path: 'p',
  sha256: 's',
})
export const aborted = (epoch: number, checkpoint: number): ControlRecord => ({
  type: 'checkpoint-aborted',
  epoch,
  checkpoint,
  reason: 'timeout',
})
export const dropped = (epoch: number, checkpoint: number): ControlRecord => ({ type: 'checkpoint-dropped', epoch, checkpoint })
export const rewound = (epoch: number, checkpoint: number): ControlRecord => ({ type: 'restored-to', epoch, checkpoint })
export const acked = (changes: Partial<WorkerManifest>): ControlRecord => ({
  type: 'checkpoint-acked',
  epoch: 0,
  checkpoint: 9,
  worker: 'a',
  manifest: manifestWith(changes),
})
export const recovered = (settled: readonly string[]): ControlRecord => ({
  type: 'epoch-recovered',
  epoch: 0,
  restorePoint: null,
  settled,
  fresh: {},
  sources: {},
  exchanges: [],
})
export const salvaged = (lost: string, done: string, rest: string | null = null): ControlRecord => ({
  type: 'transaction-salvaged',
  epoch: 0,
  worker: 'a',
  participant: 'kafka',
  lost,
  done: { id: done },
  rest: rest === null ? null : { id: rest },
})

/** A checkpoint of one worker, as it lies in the storage. */
export function checkpoint(number: number, changes: Partial<WorkerManifest> = {}, parent: Completed | null = null): Completed {
  const metadata: CheckpointMetadata = composeMetadata({
    applicationId: 'app',
    checkpoint: number,
    epoch: 0,
    kind: 'periodic',
    triggeredAtMs: 0,
    completedAtMs: 0,
    graphDigest: 'g',
    states: [],
    sources: { orders: { identity: 'i', positions: { 0: 0 } } },
    exchanges: [{ exchange: 'by-key', identity: 'x', partitions: 1, topic: 'app.exchange.by-key' }],
    manifests: [manifestWith(changes)],
    previous: parent === null ? null : { metadata: parent.metadata, sha256: parent.point.sha256 },
  })
  const { sha256 } = encodeMetadata(metadata)
  return { metadata, point: { checkpoint: number, epoch: 0, path: checkpointPath('app', number, 0), sha256 } }
}

/** As checkpoint `number` of a job that has taken over the savepoint with digest `d`. */
export function copied(number: number, changes: Partial<WorkerManifest> = {}): Restored {
  const { metadata, point } = checkpoint(number, changes)
  const { savepoint } = taken(number)
  return { metadata: { ...metadata, savepoint }, point, record: taken(number) }
}

/** Of checkpoint 1, with one file of four bytes. */
export function savepointMetadata(changes: Partial<SavepointMetadata> = {}): SavepointMetadata {
  return {
    format: 'millrace-savepoint',
    version: 1,
    applicationId: 'app',
    checkpoint: 1,
    epoch: 0,
    isStopped: false,
    completedAt: '',
    graphDigest: 'g',
    sources: { orders: { identity: 'i', positions: { 0: 5 } } },
    exchanges: {},
    stages: {},
    watermarks: {},
    states: [],
    tasks: {},
    inFlight: {},
    files: [{ path: 'state.seg', bytes: 4, sha256: sha256Hex(Buffer.from('data')) }],
    totalBytes: 4,
    ...changes,
  }
}

/** Prepared transactions of a manifest. */
export const listing = (...ids: readonly string[]): Partial<WorkerManifest> => ({
  committables: ids.map((id) => ({ participant: 'kafka', committable: { id } })),
})
