/** For tests: records and checkpoints of made-up histories, as the invariants are shown them. */
import { composeMetadata } from '../../../checkpoint/compose.ts'
import { manifestWith } from '../../../checkpoint/manifest.fixture.ts'
import type { WorkerManifest } from '../../../checkpoint/manifest.ts'
import { type CheckpointMetadata, checkpointPath, encodeMetadata } from '../../../checkpoint/metadata.ts'
import type { ControlRecord } from '../../../checkpoint/protocol/control-records.ts'
import type { Completed, Logged } from './invariant.ts'

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

/** Prepared transactions of a manifest. */
export const listing = (...ids: readonly string[]): Partial<WorkerManifest> => ({
  committables: ids.map((id) => ({ participant: 'kafka', committable: { id } })),
})
