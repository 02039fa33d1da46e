/**
 * A worker's life in the group: joins, waits to be named in a claim, runs the epoch, and goes on as it ended. The member
 * that leads the group claims epochs: after each rebalance, and after a failure as the restart strategy says.
 */

import type { CheckpointMetadata } from '../checkpoint/metadata.ts'
import type { PastFailure } from '../checkpoint/protocol/folded-view.ts'
import { decideRestart, type RestartSettings } from '../checkpoint/protocol/restarts.ts'
import { MillraceError, toError } from '../common/errors.ts'
import { nonceOf } from '../common/nonce.ts'
import { whenAborted } from '../common/when-aborted.ts'
import { graphDigest, planStages, type Stage } from '../graph/stages.ts'
import type { AssignedPartitions, Joined } from '../ports/group-membership.ts'
import { parseTaskKey, type TaskKey } from '../records/task-id.ts'
import { appendClaim, indexInClaim } from './claim.ts'
import { withDeadline } from './deadline.ts'
import { Epoch } from './epoch.ts'
import type { EpochEnd } from './epoch-end.ts'
import type { GroupLifeParts, GroupSession } from './epoch-parts.ts'
import { refuseUnfit } from './job-fit.ts'
import { appendOne } from './log-follower.ts'
import { readLatestRestorePoint } from './recovery.ts'
import { plannedFor } from './savepoint/take-savepoint.ts'
import { ShutdownTimeout } from './shutdown-timeout.ts'
import { type Assignments, assignmentOf, type PlannedFor, planTasks, type TaskPlan } from './task-plan.ts'
import { verdictOn } from './verdict.ts'
import type { WorkerParts } from './worker-parts.ts'

export class GroupLife {
  private readonly parts: GroupLifeParts
  private readonly stages: readonly Stage[]
  private readonly digest: string
  /** What the log told before is the affair of earlier processes. */
  private readonly startedAt: number
  private epoch: Epoch | undefined
  /** Failures between two epochs, of this worker, since it was in one. */
  private troubles: PastFailure[] = []
  /** What ended the last epoch, if it was this worker that failed. */
  private ownError: Error | undefined

  constructor(parts: GroupLifeParts) {
    this.parts = parts
    this.stages = planStages(parts.graph)
    this.digest = graphDigest(parts.graph)
    this.startedAt = parts.follower.view.nextOffset
  }

  /** Resolves when the worker has stopped as it was asked to; rejects with what has ended the job, or the worker. */
  async run(): Promise<void> {
    const over = new AbortController()
    try {
      await Promise.race([this.runToEnd(), this.shutdownTimeout(over.signal)])
    } finally {
      over.abort(new Error('the worker has ended'))
    }
  }

  private async runToEnd(): Promise<void> {
    while (!this.parts.stop.aborted && !this.isStopped()) {
      try {
        const session = await this.join()
        if (session !== undefined) await this.runInGroup(session)
      } catch (thrown) {
        if (this.isOver()) throw thrown
        await this.pauseAfter(toError(thrown))
      }
    }
  }

  /** What fails between two epochs fails none of them, so the log can't tell of it: this worker itself counts, and joins again. */
  private async pauseAfter(error: Error): Promise<void> {
    const { follower, clock, random, config, logger, stop } = this.parts
    if (verdictOn(error) === 'final') throw error
    this.troubles.push({ offset: follower.view.nextOffset, atMs: clock.nowMs(), ranMs: 0 })
    const decision = decideRestart(this.troubles, restartSettings(config), random())
    if (decision.kind === 'give-up') throw error
    logger.warn('joining-failed', { error, delayMs: decision.delayMs, failures: this.troubles.length })
    const pause = clock.sleep(decision.delayMs, stop).catch(() => {})
    await Promise.race([pause, follower.failed])
  }

  private async shutdownTimeout(over: AbortSignal): Promise<never> {
    const { stop, clock, config } = this.parts
    await whenAborted(stop)
    await clock.sleep(config.shutdownTimeoutMs, over)
    const timeout = new ShutdownTimeout()
    await this.epoch?.abandon(timeout)
    throw timeout
  }

  /** Undefined: asked to stop, or the group has moved on meanwhile. */
  private async join(): Promise<GroupSession | undefined> {
    const { parts, digest } = this
    const { follower, stop, status, config, clock } = parts
    status.enter('joining')
    const since = follower.view.nextOffset
    const facts = {
      worker: parts.name,
      joinNonce: nonceOf(parts.random),
      graphDigest: digest,
      localState: await this.localState(),
      host: parts.host,
    }
    const timeoutMs = config.rebalanceTimeoutMs + config.recoveryTimeoutMs
    // The deadline ends with the stop too: its timer would keep the process alive.
    const over = new AbortController()
    const stopped = follower.until(() => this.isStopped(), over.signal).then(() => undefined)
    const joining = Promise.race([parts.membership.join(facts), whenAborted(stop), stopped])
    const joined = await withDeadline(clock, 'joining the group', timeoutMs, joining).finally(() => over.abort())
    if (joined === undefined) return undefined
    if (!joined.isLeader) {
      const membership = await joined.settle()
      return membership === null ? undefined : { joined, membership, since, plan: undefined }
    }
    const plan = await this.plan()
    const membership = await joined.settle(this.partitionsByMember(joined, plan))
    return membership === null ? undefined : { joined, membership, since, plan }
  }

  private async localState(): Promise<Record<TaskKey, number>> {
    const markers = await this.parts.backend.markers()
    return Object.fromEntries([...markers].map(([task, { checkpoint }]) => [task, checkpoint]))
  }

  private async plan(): Promise<TaskPlan> {
    const { follower, context, createExchange, clock, config, savepoint } = this.parts
    const planning = async () => {
      await follower.catchUp()
      const restored: PlannedFor | null = savepoint?.isToTake(follower.view)
        ? plannedFor(savepoint.reader.metadata)
        : await this.restorePoint()
      return planTasks(this.stages, restored, context, (name) => createExchange(context).partitionsOf(name))
    }
    return withDeadline(clock, 'planning the tasks', config.recoveryTimeoutMs, planning())
  }

  /** That the job can go on from. */
  private async restorePoint(): Promise<CheckpointMetadata | null> {
    const { follower, storage, applicationId, graph } = this.parts
    const metadata = await readLatestRestorePoint(follower, storage, applicationId)
    refuseUnfit(graph, this.stages, metadata)
    return metadata
  }

  private assignments(joined: Joined, plan: TaskPlan): Assignments {
    const { config, follower } = this.parts
    return assignmentOf(plan, joined.members, this.digest, config.standbyReplicas, follower.view.claim?.assignment)
  }

  /** As the tools for consumer groups show it. */
  private partitionsByMember(joined: Joined, plan: TaskPlan): Map<string, readonly AssignedPartitions[]> {
    const { active } = this.assignments(joined, plan)
    const topics = new Map<string, string>()
    for (const { name, input } of this.stages) {
      if (input.kind === 'source' && input.source.topic !== undefined) topics.set(name, input.source.topic)
    }
    return new Map(
      joined.members.map(({ memberId, worker }) => {
        const byTopic = new Map<string, number[]>()
        for (const task of active[worker] ?? []) {
          const { stage, partition } = parseTaskKey(task)
          const topic = topics.get(stage)
          if (topic !== undefined) byTopic.set(topic, [...(byTopic.get(topic) ?? []), partition])
        }
        return [memberId, [...byTopic].map(([topic, partitions]) => ({ topic, partitions }))]
      }),
    )
  }

  /** Until the membership is over, or the worker shall stop. Throws when the job has failed for good. */
  private async runInGroup(session: GroupSession): Promise<void> {
    const { follower, stop } = this.parts
    const { rebalancing, ended } = session.membership
    const change = AbortSignal.any([rebalancing, ended, stop])
    /** The last claim that was looked at, and the last one that was for this worker. */
    let seen = -1
    let entered = -1
    this.tellIfLeftOut(session)
    for (;;) {
      const { view } = follower
      const isNews = () => view.epoch >= session.since && view.epoch !== seen
      if (session.plan !== undefined && !isNews()) {
        const isForeign = view.epoch >= session.since && view.epoch !== entered
        if (isForeign && !(await this.isMember(session))) return
        await this.claim(session, () => !isNews() && !this.isStopped(), change)
      }
      await follower.until(() => isNews() || this.isOver() || this.isStopped(), change)
      this.throwIfOver()
      if (this.isStopped()) return
      if (change.aborted) return
      seen = view.epoch
      const index = indexInClaim(view, session.joined.self.joinNonce)
      // Of a membership before this one, or for members with another graph: the group's leader claims again.
      if (index === undefined) {
        this.tellIfForeign(session)
        continue
      }
      entered = view.epoch
      this.troubles = []
      const end = await this.runEpoch(session, index)
      this.ownError = end.kind === 'failed' ? end.error : undefined
      if (end.kind === 'failed' && end.isFinal && end.error !== undefined) throw end.error
      this.throwIfOver()
      if (end.kind === 'finished' || end.kind === 'left') return
    }
  }

  /** Somebody else leads, it seems: whoever was thrown out in his sleep must not claim over the heads of the others. */
  private async isMember({ joined, membership }: GroupSession): Promise<boolean> {
    const { memberId } = joined.self
    return (await membership.present([memberId])).has(memberId)
  }

  private async runEpoch(session: GroupSession, index: number): Promise<EpochEnd> {
    const epoch = new Epoch({ ...this.parts, stages: this.stages, graphDigest: this.digest, session, index })
    this.epoch = epoch
    try {
      return await epoch.run()
    } finally {
      this.epoch = undefined
    }
  }

  /** Appends a claim, unless the job is to end; after a failure when the restart strategy says. */
  private async claim(session: GroupSession, mayClaim: () => boolean, change: AbortSignal): Promise<void> {
    const { follower, config, clock, logger, random } = this.parts
    const { view } = follower
    if (!(await this.mayRestart(change)) || change.aborted) return
    const plan = view.failure === undefined && session.plan !== undefined ? session.plan : await this.plan()
    session.plan = plan
    const { active, standby } = this.assignments(session.joined, plan)
    const claim = {
      nonce: nonceOf(random),
      members: session.joined.members,
      assignment: active,
      standby,
      graphDigest: this.digest,
      slots: config.transactionSlots,
    }
    const isValid = await withDeadline(
      clock,
      'claiming an epoch',
      config.recoveryTimeoutMs,
      appendClaim(follower, claim, mayClaim, clock.nowMs()),
    )
    if (isValid) logger.info('epoch-claimed', { epoch: view.epoch, workers: Object.keys(claim.assignment).length })
  }

  private async mayRestart(change: AbortSignal): Promise<boolean> {
    const { follower, clock, random, config, logger } = this.parts
    const { view } = follower
    const { failure, epochState } = view
    if (failure === undefined || view.failedAt < this.startedAt || epochState !== 'failed') return !this.isOver()
    if (failure.verdict === 'membership') return true
    const mine = view.failures.filter(({ offset }) => offset >= this.startedAt)
    const decision = decideRestart(mine, restartSettings(config), random())
    if (failure.verdict === 'final' || decision.kind === 'give-up') {
      const { code, cause } = failure
      await appendOne(follower, { type: 'job-failed', epoch: view.epoch, code, cause })
      return false
    }
    logger.warn('restarting', { cause: failure.cause, delayMs: decision.delayMs, failures: mine.length })
    await clock.sleep(decision.delayMs, change).catch(() => {})
    return true
  }

  private isOver(): boolean {
    const { view } = this.parts.follower
    return view.epochState === 'over' && view.failedAt >= this.startedAt
  }

  /** On purpose, by a person: every copy ends well. */
  private isStopped(): boolean {
    const { view } = this.parts.follower
    return view.epochState === 'stopped' && view.stoppedAt >= this.startedAt
  }

  private throwIfOver(): void {
    if (!this.isOver()) return
    const { jobFailure } = this.parts.follower.view
    throw this.ownError ?? new MillraceError('MR_JOB_FAILED', `the job has failed: ${jobFailure?.cause} (${jobFailure?.code})`)
  }

  /** The claim is for another graph than this worker's: it gets no tasks as long as others lead. */
  private tellIfForeign({ joined }: GroupSession): void {
    const { epoch, claim } = this.parts.follower.view
    if (claim === undefined || claim.graphDigest === this.digest) return
    const { worker } = joined.self
    const error = new MillraceError('MR_GRAPH_DIFFERS', `${worker} runs another graph than the workers of epoch ${epoch}`)
    this.parts.logger.warn('graph-differs', { worker, error })
  }

  private tellIfLeftOut({ joined }: GroupSession): void {
    for (const { worker, graphDigest: other } of joined.members) {
      if (other === this.digest) continue
      const error = new MillraceError('MR_GRAPH_DIFFERS', `${worker} runs another graph than ${joined.self.worker}`)
      this.parts.logger.warn('graph-differs', { worker, error })
    }
  }
}

function restartSettings(config: WorkerParts['config']): RestartSettings {
  return {
    strategy: config.restartStrategy,
    attempts: config.restartAttempts,
    delayMs: config.restartDelayMs,
    maxDelayMs: config.restartMaxDelayMs,
    intervalMs: config.restartIntervalMs,
  }
}
