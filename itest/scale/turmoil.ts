/**
 * A driver that does to the copies of a job, to its broker and to its storage whatever the world does, by a seeded choice,
 * several things at a time. What it does is written to the crew's history.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../support/seeded.ts'
import type { KafkaServer, S3Server } from '../support/servers.ts'
import type { Crew, Member } from './crew.ts'

/** Copies that the driver comes back to. */
const USUAL = 3
const MOST = 5
/** Between two faults; some of them take longer than that, and overlap. */
const MIN_PAUSE_MS = 200
const MAX_PAUSE_MS = 5_000
/** A rolling restart waits for the new copy, but other faults may keep it from starting. */
const TURN_LIMIT_MS = 10_000

export interface TurmoilOptions {
  readonly crew: Crew
  readonly kafka: KafkaServer
  readonly s3: S3Server
  readonly random: Random
  readonly sessionTimeoutMs: number
  /** Now and then nothing runs for longer than that. Infinity: never. */
  readonly transactionTimeoutMs: number
  readonly durationMs: number
}

/** Each as often as it is named. */
const FAULTS = [
  'kill',
  'kill',
  'kill',
  'kill all',
  'zombie',
  'zombie',
  'zombie',
  'pause',
  'stop',
  'stop',
  'rolling restart',
  'add',
  'storage dies',
  'broker hangs',
] as const

export class Turmoil {
  private readonly options: TurmoilOptions
  /** What goes on while other faults come: awaited in the end. */
  private readonly background = new Set<Promise<void>>()
  /** One at a time: a broker that is restarted can't be paused. */
  private isBrokerTaken = false
  private isStorageTaken = false
  private failure: unknown

  constructor(options: TurmoilOptions) {
    this.options = options
  }

  /** Until its time is over and all that it began has come to its end; in between the broker is restarted twice. */
  async run(): Promise<void> {
    const { random, durationMs } = this.options
    const startMs = performance.now()
    const restarts = [
      { atMs: durationMs / 3, signal: 'SIGTERM' },
      { atMs: (durationMs * 2) / 3, signal: 'SIGKILL' },
    ] as const
    let restarted = 0
    for (;;) {
      if (this.failure !== undefined) throw this.failure
      const elapsedMs = performance.now() - startMs
      if (elapsedMs >= durationMs) break
      const restart = restarts[restarted]
      if (restart !== undefined && elapsedMs >= restart.atMs && !this.isBrokerTaken) {
        restarted++
        await this.restartBroker(restart.signal)
      } else {
        await this.fault(FAULTS[random(FAULTS.length)]!)
      }
      await sleep(MIN_PAUSE_MS + random(MAX_PAUSE_MS - MIN_PAUSE_MS))
      this.replenish()
    }
    while (this.background.size > 0) await Promise.all(this.background)
    if (this.failure !== undefined) throw this.failure
  }

  private async fault(fault: (typeof FAULTS)[number]): Promise<void> {
    const { crew, random, sessionTimeoutMs, transactionTimeoutMs } = this.options
    const { alive } = crew
    // Most time is for those that are at work: a process that only begins shows little when it is stopped.
    const working = crew.running.filter(({ job }) => job.count('started') > 0)
    const any = working[random(Math.max(1, working.length))]
    switch (fault) {
      case 'kill': {
        const victim = alive[random(Math.max(1, alive.length))]
        if (victim !== undefined) await crew.kill(victim)
        break
      }
      case 'kill all':
        await Promise.all(alive.map((member) => crew.kill(member)))
        // Prepared transactions expire: the next start salvages them.
        if (Number.isFinite(transactionTimeoutMs)) await sleep(transactionTimeoutMs + 1_000)
        break
      case 'zombie':
        if (any !== undefined) this.pause(any, sessionTimeoutMs + 500 + random(6_000))
        break
      case 'pause':
        if (any !== undefined) this.pause(any, random(sessionTimeoutMs))
        break
      case 'stop':
        if (any === undefined) break
        if (random(2) === 0) await crew.stop(any)
        else this.begin(crew.stop(any))
        break
      case 'rolling restart':
        crew.tell('rolling restart')
        for (const member of working) {
          // A zombie that came back, or another fault, may have taken its place.
          if (member.state !== 'running') continue
          const { job } = crew.start()
          await job.event('started', TURN_LIMIT_MS).catch(() => {})
          await crew.stop(member)
        }
        break
      case 'add':
        if (alive.length < MOST) crew.start()
        break
      case 'storage dies':
        this.storageDies(random(3_000))
        break
      case 'broker hangs':
        this.brokerHangs(random(5_000))
        break
    }
  }

  /** Back to the usual number, but not at once each time. */
  private replenish(): void {
    const { crew, random } = this.options
    const missing = USUAL - crew.alive.length
    if (missing <= 0) return
    if (missing === USUAL || random(3) > 0) for (let i = 0; i <= random(missing); i++) crew.start()
  }

  private pause(member: Member, ms: number): void {
    const { crew } = this.options
    crew.pause(member)
    this.begin(sleep(ms).then(() => crew.resume(member)))
  }

  private async restartBroker(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { crew, kafka } = this.options
    this.isBrokerTaken = true
    await crew.outage(`${signal} to the broker`, () => kafka.restart(signal))
    this.isBrokerTaken = false
  }

  private brokerHangs(ms: number): void {
    const { crew, kafka } = this.options
    if (this.isBrokerTaken) return
    this.isBrokerTaken = true
    const hang = async () => {
      await kafka.pause()
      await sleep(ms)
      await kafka.resume()
      this.isBrokerTaken = false
    }
    this.begin(crew.outage(`the broker hangs for ${ms} ms`, hang))
  }

  private storageDies(ms: number): void {
    const { crew, s3 } = this.options
    if (this.isStorageTaken || !s3.durable) return
    this.isStorageTaken = true
    const outage = async () => {
      await s3.stop('SIGKILL')
      await sleep(ms)
      await s3.start()
      this.isStorageTaken = false
    }
    this.begin(crew.outage(`the storage is killed, for ${ms} ms`, outage))
  }

  private begin(work: Promise<void>): void {
    const done = work
      .catch((error) => {
        this.failure ??= error
      })
      .finally(() => this.background.delete(done))
    this.background.add(done)
  }
}
