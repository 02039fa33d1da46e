/**
 * Standby copies: this worker's local state of tasks that another one runs, kept at the last completed checkpoint, so that
 * a failover restores almost nothing. Their only source is what the log has declared complete, and each is marked with the
 * checkpoint that it is, so it is local state like any other (R13): the next epoch takes it or not by the same rule.
 *
 * It runs in the background, at a share of the event loop, task by task. Invariants:
 * - nothing is applied before the completion was read from the log of the running epoch (R2);
 * - a copy that is being changed is marked as such: whoever takes it goes on from there (apply-links.ts);
 * - nothing of it touches the backend when `stop` has resolved.
 */
import { decodeMetadata } from '../../checkpoint/metadata.ts'
import type { RestorePoint } from '../../checkpoint/protocol/control-records.ts'
import { defined } from '../../common/assert.ts'
import type { Clock } from '../../common/clock.ts'
import { toError } from '../../common/errors.ts'
import type { Logger } from '../../common/logger.ts'
import type { CheckpointStorage } from '../../ports/checkpoint-storage.ts'
import type { StateBackend } from '../../ports/state-backend.ts'
import type { TaskKey } from '../../records/task-id.ts'
import { PacedClock } from '../checkpoints/paced-clock.ts'
import type { LogFollower } from '../log-follower.ts'
import { applyLinks, markerOf } from './apply-links.ts'
import { bytesOf, planTask } from './restore-plan.ts'
import type { StandbyStatistics } from './standby-statistics.ts'

/** Of the event loop's time. */
const SHARE = 0.2
/** For what is fetched and not applied yet. */
const BUDGET_BYTES = 8 * 1024 * 1024

export interface StandbyParts {
  readonly backend: StateBackend
  readonly storage: CheckpointStorage
  readonly tasks: readonly TaskKey[]
  readonly follower: LogFollower
  readonly clock: Clock
  readonly logger: Logger
  readonly statistics: StandbyStatistics
}

export class Standby {
  private readonly parts: StandbyParts
  private readonly stopping = new AbortController()
  private readonly paced: PacedClock
  /** Task → the checkpoint that its copy is. */
  private readonly reached = new Map<TaskKey, number>()
  private running: Promise<void> | undefined

  constructor(parts: StandbyParts) {
    this.parts = parts
    this.paced = new PacedClock(parts.clock, SHARE, this.stopping.signal)
    parts.statistics.tasks = parts.tasks.length
  }

  start(): void {
    this.running = this.run()
  }

  /** Resolves when nothing of it touches the backend any more. */
  async stop(): Promise<void> {
    this.stopping.abort(new StandbyStopped())
    await this.running
    this.parts.statistics.tasks = 0
  }

  /** The oldest checkpoint that a copy is; 0: one has nothing yet. */
  get checkpoint(): number {
    return Math.min(...this.parts.tasks.map((task) => this.reached.get(task) ?? 0))
  }

  private async run(): Promise<void> {
    const { follower, logger, statistics, clock } = this.parts
    const { view } = follower
    const { signal } = this.stopping
    const stopListening = follower.listen(() => this.measure())
    try {
      let last: RestorePoint | null = null
      while (!signal.aborted) {
        await follower.until(() => view.restorePoint !== null && view.restorePoint !== last, signal)
        if (signal.aborted) return
        last = view.restorePoint
        // So that what has just completed is committed first.
        await clock.turn()
        try {
          await this.follow(defined(last, 'completed checkpoint'))
        } catch (error) {
          if (signal.aborted) return
          // The next checkpoint is another try: this one's files may be deleted by now.
          statistics.failures++
          logger.warn('standby-failed', { checkpoint: last?.checkpoint, error: toError(error) })
        }
      }
    } catch {
      // The log is not followed any more: the epoch is at its end.
    } finally {
      stopListening()
    }
  }

  private async follow(restorePoint: RestorePoint): Promise<void> {
    const { backend, storage, tasks, follower, statistics } = this.parts
    const { signal } = this.stopping
    const metadata = decodeMetadata(await storage.get(restorePoint.path, signal), restorePoint.path, restorePoint.sha256)
    const markers = await backend.markers()
    const target = { restorePoint, metadata, ancestors: follower.view.lineage }
    const plans = tasks.map((task) => planTask(target, task, markers.get(task)))
    statistics.lagBytes = bytesOf(plans)
    const onFetched = (bytes: number) => {
      statistics.fetchedBytes += bytes
      statistics.lagBytes = Math.max(0, statistics.lagBytes - bytes)
    }
    const current = plans.filter(({ links, isFresh }) => links.length === 0 && !isFresh)
    signal.throwIfAborted()
    await backend.apply([], new Map(current.map(({ task }) => [task, markerOf(restorePoint)])))
    for (const { task } of current) this.reach(task, restorePoint.checkpoint)
    for (const plan of plans) {
      if (current.includes(plan)) continue
      signal.throwIfAborted()
      if (plan.isFresh && markers.has(plan.task)) await backend.deleteTask(plan.task)
      const parts = {
        backend,
        storage,
        clock: this.paced,
        restorePoint,
        metadata,
        budgetBytes: BUDGET_BYTES,
        signal,
        onFetched,
      }
      await applyLinks(parts, plan)
      this.reach(plan.task, restorePoint.checkpoint)
    }
    statistics.lagBytes = 0
  }

  private reach(task: TaskKey, checkpoint: number): void {
    this.reached.set(task, checkpoint)
    this.measure()
  }

  private measure(): void {
    const { statistics, follower } = this.parts
    statistics.checkpoint = this.checkpoint
    statistics.lagCheckpoints = Math.max(0, (follower.view.restorePoint?.checkpoint ?? 0) - statistics.checkpoint)
  }
}

class StandbyStopped extends Error {}
