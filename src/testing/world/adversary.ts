/**
 * What strikes a simulated world at exact events, where chance would come too rarely: requests are held as they arrive, and
 * passed, lost or passed late; processes die in between. A schedule (schedules/) is written as a row of awaits.
 *
 * What is awaited is held from the very event on; the schedule goes on before the next one.
 */

import type { RequestType } from '../../../connectors/kafka/client/request-type.ts'
import { Produce } from '../../../connectors/kafka/client/requests/produce-request.ts'
import { EndTxn } from '../../../connectors/kafka/client/requests/transaction-requests.ts'
import { controlTopic } from '../../../connectors/kafka/control/kafka-control-log.ts'
import type { HeldRequest } from '../../../connectors/kafka/testing/held-request.ts'
import type { ControlRecord, ControlRecordType } from '../../checkpoint/protocol/control-records.ts'
import { MillraceError } from '../../common/errors.ts'
import type { Answer, JobRequest } from '../../runtime/savepoint/ask-job.ts'
import type { SeededRandom } from '../simulator/seeded-random.ts'
import type { SimulatedProcess } from '../simulator/simulated-process.ts'
import { askByHand } from './ask-by-hand.ts'
import { appendByHand } from './control-topic.ts'
import { LogWitness, recordsIn } from './log-witness.ts'
import { APPLICATION } from './transfer-job.ts'
import type { Visit } from './visit.ts'
import type { World } from './world.ts'

/** A put that has reached the storage. */
export interface HeldPut {
  readonly path: string
  readonly process: SimulatedProcess
  readonly pass: () => void
  readonly fail: () => void
}

interface Waiter<T> {
  readonly isWanted: (candidate: T) => boolean
  readonly take: (candidate: T) => void
}

type EndTxnInput = typeof EndTxn extends RequestType<infer Input, unknown> ? Input : never
type RecordOf<T extends ControlRecordType> = Extract<ControlRecord, { type: T }>

const LOOK_EVERY_MS = 1
const CONTROL = controlTopic(APPLICATION)

export class Adversary {
  readonly world: World
  readonly log: LogWitness
  readonly random: SeededRandom
  /** What the schedule waits for, in words. */
  waitsFor = 'nothing'
  private requests: Waiter<HeldRequest>[] = []
  private puts: Waiter<HeldPut>[] = []

  constructor(world: World) {
    this.world = world
    this.random = world.simulation.random.fork()
    this.log = new LogWitness(world.kafka)
    world.network.gate = (request) => taken(this.requests, request)
    world.storage.putGate = (path, process) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const fail = () => reject(new MillraceError('MR_STORAGE_UNAVAILABLE', `put of ${path} has failed`))
      return taken(this.puts, { path, process, pass: resolve, fail }) ? promise : undefined
    }
  }

  /** The next request of that kind, held. */
  request<Input>(
    type: RequestType<Input, unknown>,
    isWanted: (input: Input, process: SimulatedProcess) => boolean = () => true,
  ): Promise<HeldRequest<Input>> {
    this.waitsFor = `a request ${type.name}`
    return new Promise((resolve) => {
      this.requests.push({
        isWanted: ({ name, input, process }) => name === type.name && isWanted(input as Input, process),
        take: (request) => resolve(request as HeldRequest<Input>),
      })
    })
  }

  /** The next commit of a transaction. */
  commit(isWanted: (input: EndTxnInput, process: SimulatedProcess) => boolean = () => true): Promise<HeldRequest<EndTxnInput>> {
    return this.request(EndTxn, (input, process) => input.commit && isWanted(input, process))
  }

  /** The next request that brings such a record to the control log. */
  record<T extends ControlRecordType>(type: T, isWanted: (record: RecordOf<T>) => boolean = () => true): Promise<HeldRequest> {
    const arriving = this.request(Produce, ({ batches }) =>
      batches.some(
        ({ topic, records }) =>
          topic === CONTROL && recordsIn(records).some((record) => record.type === type && isWanted(record as RecordOf<T>)),
      ),
    )
    this.waitsFor = `${type} on its way to the control log`
    return arriving
  }

  /** The next put of such a file, held. */
  put(isWanted: (path: string) => boolean): Promise<HeldPut> {
    this.waitsFor = 'a put'
    return new Promise((resolve) => {
      this.puts.push({ isWanted: ({ path }) => isWanted(path), take: resolve })
    })
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    this.waitsFor = what
    while (!condition()) await this.sleep(LOOK_EVERY_MS)
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.world.simulation.after(null, ms, 'adversary', resolve))
  }

  /** Some checkpoints are complete, and transactions of theirs committed. */
  async someCheckpoints(): Promise<void> {
    const count = 2 + this.random.below(4)
    await this.until(`${count} checkpoints`, () => (this.log.view.restorePoint?.checkpoint ?? 0) >= count)
  }

  crash(process: SimulatedProcess): void {
    process.crash()
  }

  crashAll(): void {
    for (const { process } of this.world.running) process.crash()
  }

  /** As many workers as given, where they were or where nobody has been before. */
  start(workers: number, where: 'same machines' | 'fresh machines' = 'same machines'): void {
    const first = where === 'same machines' ? 0 : 1 + Math.max(...this.world.workers.map(({ machine }) => machine))
    for (let machine = first; machine < first + workers; machine++) {
      if (!this.world.running.some((worker) => worker.machine === machine)) this.world.start(machine)
    }
  }

  /** Somebody asks the job for a savepoint, or to stop. */
  ask(draft: JobRequest['draft']): Visit<Answer> {
    return askByHand(this.world, draft)
  }

  /** By hand; false: it was void. */
  rewind(checkpoint: number): boolean {
    const { epoch, nextOffset } = this.log.view
    appendByHand(this.world.kafka, { type: 'restored-to', epoch, checkpoint })
    return this.log.view.failedAt === nextOffset
  }

  /** Nothing is held any more. */
  leave(): void {
    this.requests = []
    this.puts = []
    this.world.network.gate = undefined
    this.world.storage.putGate = undefined
  }
}

function taken<T>(waiters: Waiter<T>[], candidate: T): boolean {
  const at = waiters.findIndex(({ isWanted }) => isWanted(candidate))
  const [waiter] = at < 0 ? [] : waiters.splice(at, 1)
  waiter?.take(candidate)
  return waiter !== undefined
}
