/**
 * A person who asks the job for savepoints, and to stop. Behind a stop the job is started again: as it was; or from a
 * savepoint, under another application id, maybe with more tasks, or in place of what the job has.
 */
import type { ControlRecord, JobStopped, SavepointCompleted } from '../../checkpoint/protocol/control-records.ts'
import { isMillraceError } from '../../common/errors.ts'
import type { JobRequest } from '../../runtime/savepoint/ask-job.ts'
import type { SeededRandom } from '../simulator/seeded-random.ts'
import type { SimulatedProcess } from '../simulator/simulated-process.ts'
import { askByHand } from './ask-by-hand.ts'
import { APPLICATION } from './transfer-job.ts'
import type { Launch, World } from './world.ts'

const LONGEST_PATIENCE_MS = 4_000
const LONGEST_STOP_MS = 3_000
/** In the folder that every other savepoint would have. */
const ELSEWHERE = 'simulated:/elsewhere/one'
const MACHINES_STARTED = 3

/** What he can do beside (acts.ts). */
export interface Hands {
  readonly world: World
  readonly random: SeededRandom
  readonly later: (mostMs: number, label: string, run: () => void) => void
  /** Nothing is started for so long. */
  readonly darken: (ms: number) => void
  readonly startOn: (machine: number) => void
  /** For the table of what was covered. */
  readonly phaseOfJob: () => string
}

export class SavepointUser {
  private readonly acts: Hands
  private readonly world: World
  /** Of the request that is being answered. */
  private saved: SavepointCompleted | undefined
  /**
   * Digests of the savepoints that what the job does now has come from, oldest first. One made behind a point that it has gone
   * back to is of another history: its output does not begin as the one that stands.
   */
  private line: { readonly sha256: string; readonly application: string; readonly checkpoint: number }[] = []
  private applications = 1
  private readonly asking: SimulatedProcess[] = []

  constructor(acts: Hands) {
    this.acts = acts
    this.world = acts.world
    this.world.onRecord = (application, record) => this.observe(application, record)
  }

  /** False: there is nothing yet that a savepoint could be made of. */
  ask(): boolean {
    const { acts, world } = this
    const { random } = acts
    if (world.checker.view.restorePoint === null) return false
    const draft = this.draft()
    const what = nameOf(draft)
    world.coverage.add(`asked for ${what}${acts.phaseOfJob()}`)
    const { process, done } = askByHand(world, draft)
    this.asking.push(process)
    if (random.chance(0.2)) acts.later(LONGEST_PATIENCE_MS, 'end of patience', () => process.crash())
    void done.then((answer) => {
      const isFailed = answer instanceof Error
      const answered = isFailed ? (isMillraceError(answer) ? answer.code : answer.name) : 'done'
      world.coverage.add(`answer to who asked for ${what}: ${answered}`)
    })
    return true
  }

  /** Nobody waits for an answer any more. What was asked for may come all the same. */
  end(): void {
    for (const process of this.asking) process.crash()
  }

  private draft(): JobRequest['draft'] {
    const { random } = this.acts
    if (random.chance(0.2)) return { type: 'cancel-requested' }
    return { type: 'savepoint-requested', to: random.chance(0.3) ? ELSEWHERE : null, isStop: random.chance(0.6) }
  }

  private observe(application: string, record: ControlRecord): void {
    const isCurrent = application === this.world.launch.application
    switch (record.type) {
      case 'epoch-claimed':
        if (isCurrent) this.saved = undefined
        else this.world.bugs.push(`${application} goes on, and its work has been handed over`)
        break
      case 'savepoint-completed':
        this.saved = record
        this.line.push({ sha256: record.sha256, application, checkpoint: record.checkpoint })
        break
      case 'restored-to':
        this.line = this.line.filter((one) => one.application !== application || one.checkpoint <= record.checkpoint)
        break
      case 'savepoint-restored': {
        const { sha256 } = record.savepoint
        this.line.splice(this.line.findIndex((one) => one.sha256 === sha256) + 1)
        this.onRestored(sha256)
        break
      }
      case 'job-stopped':
        if (record.isForgotten) this.line = []
        if (isCurrent) this.startAgain(record)
        break
      default:
    }
  }

  /** It is not needed any more. */
  private onRestored(sha256: string): void {
    const { acts, world } = this
    const saved = world.shelf.withDigest(sha256)
    if (saved === undefined || !acts.random.chance(0.3)) return
    acts.later(LONGEST_STOP_MS, 'a savepoint is deleted', () => {
      const isNeeded = world.checker.view.restoredFrom?.sha256 !== sha256
      if (isNeeded || !world.shelf.all.includes(saved)) return
      world.coverage.add('a savepoint was deleted that had been taken over')
      world.release(saved)
    })
  }

  private startAgain(record: JobStopped): void {
    const { acts, world } = this
    const { random } = acts
    const { running } = world
    const launch = this.nextLaunch(record)
    const waitMs = random.between(0, LONGEST_STOP_MS)
    world.coverage.add(`stopped${record.isForgotten ? ' and forgotten' : ''}, then started ${howOf(launch, world.launch)}`)
    if (launch !== world.launch) {
      // Scaled to zero: what has not begun to take part, or is started by what keeps it running, would begin anew.
      for (const worker of world.running) if (worker.status.phase === 'starting') worker.process.crash()
      acts.darken(waitMs)
      world.launch = launch
    }
    world.simulation.after(null, waitMs, 'start behind a stop', () => {
      // Who wakes up late would have other options than the others.
      if (launch.isForced) for (const { process } of running) process.crash()
      for (let machine = 0; machine < MACHINES_STARTED; machine++) acts.startOn(machine)
    })
  }

  private nextLaunch({ request }: JobStopped): Launch {
    const { acts, world, saved } = this
    const { random } = acts
    const { launch, shelf } = world
    const act = random.next()
    if (act < 0.5 && saved?.request === request) {
      const partitions = random.pick([launch.partitions, launch.partitions, 2, 5])
      return { application: `${APPLICATION}-${++this.applications}`, from: saved.uri, partitions }
    }
    const any = random.pick(shelf.all.filter(({ record }) => this.line.some(({ sha256 }) => sha256 === record.sha256)))
    if (act < 0.75 && any !== undefined) {
      return { application: launch.application, from: any.record.uri, isForced: true, partitions: launch.partitions }
    }
    const isGone = launch.from !== undefined && !shelf.all.some(({ record }) => record.uri === launch.from)
    return isGone ? { application: launch.application, partitions: launch.partitions } : launch
  }
}

function nameOf(draft: JobRequest['draft']): string {
  if (draft.type === 'cancel-requested') return 'the end of the job'
  return draft.isStop ? 'a savepoint with stop' : 'a savepoint'
}

function howOf(launch: Launch, before: Launch): string {
  if (launch.from === before.from || launch.from === undefined) return 'as it was'
  if (launch.application === before.application) return 'from a savepoint, in place of what it has'
  return `as another application${launch.partitions === before.partitions ? '' : ', with another number of tasks'}`
}
