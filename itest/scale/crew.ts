/**
 * The copies of one application, started, stopped, killed and paused at will. Knows of each what was done to it, and so
 * how it may end: one that ends in any other way is a failure at once. Only one that starts while brokers or storage are
 * away may say so, and end: whoever runs it starts it again.
 */
import assert from 'node:assert/strict'
import { type JobOptions, JobProcess } from '../support/job-process.ts'

const NOTHING_TO_START_WITH = ['MR_KAFKA_UNREACHABLE', 'MR_STORAGE_UNAVAILABLE']

/** Longer than any end by SIGTERM takes: shutdown-timeout is 25 s by default. */
const END_LIMIT_MS = 60_000

export interface Member {
  readonly name: string
  readonly job: JobProcess
  /** `stopping`: it was sent SIGTERM; `killed`: SIGKILL. How one ends that shall fail is for the test to say. */
  state: 'running' | 'paused' | 'stopping' | 'killed' | 'expected to fail'
}

export class Crew {
  readonly members: Member[] = []
  /** Rejects when a member ends that should not, or otherwise than it should. */
  readonly failed: Promise<never>
  /** When brokers and storage were all there again; Infinity: they are not. */
  private outageEndMs = Number.NEGATIVE_INFINITY
  private outages = 0
  private readonly options: JobOptions
  private readonly startedAtMs = performance.now()
  private readonly told: string[] = []
  private reject: (error: Error) => void = () => {}

  constructor(options: JobOptions) {
    this.options = options
    this.failed = new Promise((_, reject) => {
      this.reject = reject
    })
    this.failed.catch(() => {})
  }

  get running(): Member[] {
    return this.members.filter(({ state }) => state === 'running')
  }

  /** Those that come back by themselves. */
  get alive(): Member[] {
    return this.members.filter(({ state }) => state === 'running' || state === 'paused')
  }

  /** What was done, with times: printed when a test fails. */
  get history(): string {
    return this.told.join('\n')
  }

  tell(what: string): void {
    const seconds = (performance.now() - this.startedAtMs) / 1000
    this.told.push(`${seconds.toFixed(1).padStart(6)} s  ${new Date().toISOString().slice(11, 23)}  ${what}`)
  }

  /** @param own on top of the crew's */
  start(own: Partial<JobOptions> = {}): Member {
    const { options, env } = this.options
    const job = new JobProcess({
      ...this.options,
      ...own,
      options: { ...options, ...own.options },
      env: { ...env, ...own.env },
    })
    const member: Member = { name: `#${this.members.length} (pid ${job.pid})`, job, state: 'running' }
    this.members.push(member)
    this.tell(`start ${member.name}`)
    const startMs = performance.now()
    void job.ended.then(({ exitCode, signal }) => {
      this.tell(`${member.name} has ended: ${signal ?? `exit code ${exitCode}`}`)
      // One that has not begun yet is ended by the signal itself.
      const isStopped = exitCode === 0 || (signal === 'SIGTERM' && job.count('job-starting') === 0)
      const isMeant = member.state === 'killed' ? signal === 'SIGKILL' : member.state === 'stopping' && isStopped
      if (member.state === 'expected to fail') return
      if (startMs <= this.outageEndMs && couldNotStart(job)) member.state = 'killed'
      else if (!isMeant)
        this.reject(new Error(`${member.name}, ${member.state}, has ended: ${JSON.stringify({ exitCode, signal })}`))
    })
    return member
  }

  /** Brokers or storage are away until the work is done. */
  async outage(what: string, work: () => Promise<void>): Promise<void> {
    this.tell(what)
    this.outages++
    this.outageEndMs = Number.POSITIVE_INFINITY
    try {
      await work()
    } finally {
      if (--this.outages === 0) this.outageEndMs = performance.now()
      this.tell(`over: ${what}`)
    }
  }

  async kill(member: Member): Promise<void> {
    this.tell(`SIGKILL ${member.name}`)
    member.state = 'killed'
    await member.job.kill('SIGKILL')
  }

  /** Resolves when it has ended, which must be by exit code 0. */
  async stop(member: Member): Promise<void> {
    this.tell(`SIGTERM ${member.name}`)
    member.state = 'stopping'
    process.kill(member.job.pid, 'SIGTERM')
    const deadline = performance.now() + END_LIMIT_MS
    while (!member.job.hasEnded && member.state === 'stopping') {
      assert.ok(performance.now() < deadline, `${member.name} has not ended ${END_LIMIT_MS} ms after SIGTERM`)
      await member.job.moved(100)
    }
  }

  pause(member: Member): void {
    this.tell(`SIGSTOP ${member.name}`)
    member.state = 'paused'
    process.kill(member.job.pid, 'SIGSTOP')
  }

  /** Of one that is paused; what else became of it meanwhile stands. */
  resume(member: Member): void {
    if (member.state !== 'paused') return
    this.tell(`SIGCONT ${member.name}`)
    member.state = 'running'
    process.kill(member.job.pid, 'SIGCONT')
  }

  /** The ends of what the last of them wrote. */
  tails(lines = 40): string {
    const last = this.members.filter(({ job }) => !job.hasEnded)
    const shown = [...this.members.filter((member) => !last.includes(member)).slice(-4), ...last]
    return shown.map(({ name, state, job }) => `--- ${name}, ${state}\n${job.tail(lines)}`).join('\n')
  }

  async close(): Promise<void> {
    for (const member of this.members) {
      if (member.job.hasEnded) continue
      member.state = 'killed'
      await member.job.kill('SIGKILL')
    }
  }
}

function couldNotStart(job: JobProcess): boolean {
  const last = job.lines.at(-1)
  const { code = '' } = (last?.error ?? {}) as { code?: string }
  return last?.event === 'job-failed' && NOTHING_TO_START_WITH.includes(code) && job.count('started') === 0
}
