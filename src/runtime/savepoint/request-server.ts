/**
 * Does what somebody has asked the running job for, on the worker that leads: a savepoint, the end of the job. One at a
 * time. The coordinator triggers the checkpoint (checkpoint/protocol/coordination.ts); here follows what comes behind it:
 *
 *  1. the checkpoint is complete: it is copied (write-savepoint.ts), while retention waits;
 *  2. every worker has told that all its transactions up to it are committed: nothing is left that only this job could do;
 *  3. the savepoint's metadata is written, `savepoint-completed` appended. With stop: and `job-stopped`, in one batch.
 *
 * What goes wrong with it ends the request, never the job: with stop its workers, which wait at the cut, go on in a new
 * epoch. When the epoch ends first, the request is over with it, and what was written is deleted.
 */
import { decodeMetadata } from '../../checkpoint/metadata.ts'
import type { ControlRecord, SavepointRequested } from '../../checkpoint/protocol/control-records.ts'
import { workersOf } from '../../checkpoint/protocol/coordination.ts'
import { isStop, type OpenRequest } from '../../checkpoint/protocol/log-view.ts'
import { savepointName, savepointsPrefix } from '../../checkpoint/savepoint/savepoint-metadata.ts'
import { SavepointWriter } from '../../checkpoint/savepoint/savepoint-writer.ts'
import { jobFiles } from '../../checkpoint/stored-files.ts'
import { defined } from '../../common/assert.ts'
import type { Clock } from '../../common/clock.ts'
import { isMillraceError, MillraceError, toError } from '../../common/errors.ts'
import type { Logger } from '../../common/logger.ts'
import { unlessAborted } from '../../common/unless-aborted.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import type { Exchange } from '../../ports/exchange.ts'
import { PacedClock } from '../checkpoints/paced-clock.ts'
import { appendOne, type LogFollower } from '../log-follower.ts'
import { copyToSavepoint, factsOf, type JobShape } from './write-savepoint.ts'

/** Of the event loop's time, beside processing. */
const SHARE = 0.25
/** Whoever waits takes silence for the end of the job. */
const PROGRESS_EVERY_MS = 3_000
const DELETE_AT_ONCE = 100

export interface RequestServerParts {
  readonly applicationId: string
  readonly epoch: number
  readonly clock: Clock
  readonly logger: Logger
  readonly follower: LogFollower
  readonly storage: CheckpointStorage
  readonly openStorage: (uri: string) => Promise<CheckpointStorage>
  /** Null: the job has no exchanges. */
  readonly exchange: Exchange | null
  readonly shape: JobShape
  /** A job that is cancelled keeps its checkpoints. */
  readonly retainOnCancel: boolean
}

export class RequestServer {
  private readonly parts: RequestServerParts
  private readonly stopping = new AbortController()
  private stopListening: () => void = () => {}
  private serving: Promise<void> = Promise.resolve()

  constructor(parts: RequestServerParts) {
    this.parts = parts
  }

  start(): void {
    const { follower } = this.parts
    this.stopListening = follower.listen((record, _offset, isValid) => {
      if (isValid) this.observe(record)
    })
  }

  /** Resolves when nothing of it is under way any more. */
  async stop(): Promise<void> {
    this.stopping.abort(new MillraceError('MR_SAVEPOINT_INTERRUPTED', 'the workers of the job change, or one of them stops'))
    this.stopListening()
    await this.serving
  }

  private observe(record: ControlRecord): void {
    const { request, epoch } = this.parts.follower.view
    if (request === undefined || epoch !== this.parts.epoch) return
    const isDecided = record.type === 'checkpoint-completed' || record.type === 'checkpoint-aborted'
    if (isDecided && record.checkpoint === request.checkpoint) this.serving = this.serve(request)
  }

  private async serve(request: OpenRequest): Promise<void> {
    const { logger, clock } = this.parts
    const startMs = clock.monotonicMs()
    const { type, request: id } = request.requested
    try {
      if (request.abortReason !== undefined) {
        throw new MillraceError(
          'MR_SAVEPOINT_CHECKPOINT_ABORTED',
          `checkpoint ${request.checkpoint} was aborted: ${request.abortReason}`,
        )
      }
      if (request.requested.type === 'cancel-requested') await this.cancel(request)
      else await this.save(request, request.requested)
      logger.info(type === 'cancel-requested' ? 'job-cancelled' : 'savepoint-completed', {
        checkpoint: request.checkpoint,
        durationMs: Math.round(clock.monotonicMs() - startMs),
      })
    } catch (thrown) {
      const error = toError(thrown)
      logger.warn('request-failed', { request: id, error })
      await this.tellFailure(id, error).catch(() => {})
    }
  }

  private async save(request: OpenRequest, requested: SavepointRequested): Promise<void> {
    const { applicationId, clock, storage, openStorage, exchange, shape, follower, epoch } = this.parts
    const { signal } = this.stopping
    const point = defined(request.completed, 'checkpoint of the request')
    const name = savepointName(point.checkpoint, point.epoch)
    const uri = requested.to ?? `${storage.uri.replace(/\/+$/, '')}/${savepointsPrefix(applicationId)}${name}`
    // Where the workers wait at the cut nothing is held up.
    const paced = requested.isStop ? clock : new PacedClock(clock, SHARE, signal)
    const { request: id } = requested
    let doneBytes = 0
    let totalBytes = 0
    const tell = () =>
      void appendOne(follower, { type: 'savepoint-progressed', epoch, request: id, doneBytes, totalBytes }).catch(() => {})
    const endTelling = clock.every(PROGRESS_EVERY_MS, tell)
    let target: CheckpointStorage | undefined
    let writer: SavepointWriter | undefined
    /** The log says that the savepoint exists, or may come to say so. */
    let isTold = false
    try {
      target = await unlessAborted(signal, () => openStorage(uri))
      await target.check()
      const metadata = decodeMetadata(await storage.get(point.path, signal), point.path, point.sha256)
      totalBytes = metadata.totalBytes
      const onRead = (bytes: number) => {
        doneBytes += bytes
      }
      writer = new SavepointWriter({ storage: target, name, clock: paced, signal })
      await copyToSavepoint({ writer, storage, metadata, exchange, clock: paced, signal, onRead })
      await this.allCommitted(request)
      // Who leads no more must not finish what the next leader sweeps.
      await follower.catchUp()
      if (follower.view.request !== request) throw interrupted()
      const { metadata: written, sha256 } = await writer.finish(factsOf(metadata, shape, requested.isStop))
      const { checkpoint } = point
      const bytes = written.totalBytes
      const at = new Date(clock.nowMs()).toISOString()
      const { uri: savedTo } = target
      const completed = {
        type: 'savepoint-completed',
        epoch,
        request: id,
        checkpoint,
        uri: savedTo,
        sha256,
        bytes,
        at,
      } as const
      const stopped = { type: 'job-stopped', epoch, request: id, isForgotten: false } as const
      // What was sent and not read back may count all the same.
      isTold = true
      const [isValid = false] = await follower.append(requested.isStop ? [completed, stopped] : [completed])
      isTold = isValid
      if (!isValid) throw interrupted()
    } finally {
      endTelling()
      if (!isTold) await writer?.discard().catch(() => {})
      await target?.close().catch(() => {})
    }
  }

  private async cancel(request: OpenRequest): Promise<void> {
    const { follower, epoch, retainOnCancel } = this.parts
    await this.allCommitted(request)
    const { request: id } = request.requested
    const isForgotten = !retainOnCancel
    const isValid = await appendOne(follower, { type: 'job-stopped', epoch, request: id, isForgotten })
    if (!isValid) throw interrupted()
    if (isForgotten) await this.deleteCheckpoints()
  }

  /** The log has forgotten them. What can't be deleted now is found by the sweep of whoever starts a job of this name. */
  private async deleteCheckpoints(): Promise<void> {
    const { storage, applicationId, epoch, logger } = this.parts
    try {
      const paths: string[] = []
      for await (const file of jobFiles(storage, applicationId)) {
        // A copy may have been started already: what it puts is not of the job that has stopped.
        if (file.epoch <= epoch) paths.push(file.path)
      }
      for (let at = 0; at < paths.length; at += DELETE_AT_ONCE) {
        await storage.delete(paths.slice(at, at + DELETE_AT_ONCE))
      }
      logger.info('checkpoints-deleted', { files: paths.length })
    } catch (error) {
      logger.warn('checkpoints-not-deleted', { error: toError(error).message })
    }
  }

  /** So that nothing is left which only this job could commit. Its end before that is the end of the epoch, too. */
  private async allCommitted(request: OpenRequest): Promise<void> {
    const { follower } = this.parts
    const { view } = follower
    const { signal } = this.stopping
    await follower.until(
      () => view.request !== request || workersOf(view).every((worker) => request.committedBy.has(worker)),
      signal,
    )
    signal.throwIfAborted()
    if (view.request !== request) throw interrupted()
  }

  private async tellFailure(request: string, error: Error): Promise<void> {
    const { follower, epoch } = this.parts
    const code = isMillraceError(error) ? error.code : error.name
    await appendOne(follower, { type: 'request-failed', epoch, request, code, cause: error.message })
  }
}

function interrupted(): MillraceError {
  return new MillraceError('MR_SAVEPOINT_INTERRUPTED', 'another epoch of the job has begun')
}

/** Whether the workers that have stopped at a final cut are to wait: for what becomes of a request to stop. */
export function isServingStop({ view }: LogFollower): boolean {
  return view.request !== undefined && isStop(view.request)
}
