/**
 * A connection of a simulated process to a broker of the model. As with TCP: what is sent arrives in order, after a while,
 * or not at all; the broker carries out one request after another and answers in that order. When it breaks, what was on
 * its way may still be carried out, and nobody is told.
 */
import type { SimulatedProcess } from '../../../src/testing/simulator/simulated-process.ts'
import type { Simulation } from '../../../src/testing/simulator/simulation.ts'
import type { BrokerVersions } from '../client/api-versions.ts'
import type { Connection } from '../client/connection.ts'
import { connectionLost, requestTimedOut } from '../client/connection-errors.ts'
import type { RequestType } from '../client/request-type.ts'
import type { ProduceInput } from '../client/requests/produce-request.ts'
import { type Gate, HeldRequest } from './held-request.ts'
import type { KafkaModel } from './kafka-model.ts'
import type { ModelBroker } from './model-broker.ts'

export interface NetworkConditions {
  /** One way, ms. */
  readonly latencyMs: { readonly least: number; readonly most: number }
  /** Of a request: it, and its connection, are lost before it arrives. */
  readonly requestLoss: number
  /** Of a request: its answer, and its connection, are lost. */
  readonly answerLoss: number
  /** Of a request whose connection broke while it was on its way: it arrives all the same, later, and nobody waits for the answer. */
  readonly lateArrival: number
  /** How much later, ms, at most. */
  readonly lateMs: number
}

interface Waiter {
  readonly request: string
  readonly resolve: (answer: never) => void
  readonly reject: (error: Error) => void
  readonly cancelTimeout: () => void
}

interface Arriving {
  readonly type: RequestType<unknown, unknown>
  readonly input: unknown
  readonly losesAnswer: boolean
}

export interface SimulatedConnectionParts {
  readonly simulation: Simulation
  readonly process: SimulatedProcess
  readonly kafka: KafkaModel
  readonly broker: ModelBroker
  readonly clientId: string
  readonly versions: BrokerVersions
  readonly conditions: () => NetworkConditions
  readonly gate: () => Gate | undefined
  readonly onEnd: (connection: SimulatedConnection) => void
}

const PRODUCE = 0

export class SimulatedConnection implements Connection {
  readonly address: string
  readonly versions: BrokerVersions
  private readonly parts: SimulatedConnectionParts
  private readonly waiters: Waiter[] = []
  private failure: Error | undefined
  /** At the broker, not begun. */
  private readonly received: Arriving[] = []
  private isBusy = false
  /** Neither side can reach the other any more. */
  private isBroken = false
  private lastArrivalMs = 0
  private lastAnswerMs = 0

  constructor(parts: SimulatedConnectionParts) {
    this.parts = parts
    this.address = `${parts.broker.host}:${parts.broker.port}`
    this.versions = parts.versions
  }

  get isOpen(): boolean {
    return this.failure === undefined
  }

  get process(): SimulatedProcess {
    return this.parts.process
  }

  get broker(): ModelBroker {
    return this.parts.broker
  }

  send<Input, Output>(type: RequestType<Input, Output>, input: Input, timeoutMs: number): Promise<Output> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) {
        reject(this.failure)
        return
      }
      const { simulation, process } = this.parts
      const onTimeout = () => this.close(requestTimedOut(type.name, this.address, timeoutMs))
      const cancelTimeout = process.after(timeoutMs, `timeout of ${type.name}`, onTimeout)
      this.waiters.push({ request: type.name, resolve, reject, cancelTimeout })
      if (this.isBroken) return
      const { requestLoss, answerLoss } = this.parts.conditions()
      const isLost = process.random.chance(requestLoss)
      const losesAnswer = process.random.chance(answerLoss)
      const arriving = { type, input: asSent(type, input), losesAnswer } as Arriving
      this.lastArrivalMs = Math.max(this.lastArrivalMs, simulation.nowMs + this.latency())
      const waitMs = this.lastArrivalMs - simulation.nowMs
      simulation.after(null, waitMs, type.name, () => {
        if (this.isBroken) this.arriveLate(arriving)
        else if (isLost) this.break('a request is lost')
        else this.receive(arriving)
      })
    })
  }

  close(reason: Error = connectionLost(this.address, new Error('closed by this client'))): void {
    if (this.failure !== undefined) return
    this.fail(reason)
    this.abandon()
  }

  /** The network or the broker gives up; the client learns of it a moment later. */
  break(why: string): void {
    if (this.isBroken) return
    const { simulation, process } = this.parts
    this.abandon()
    simulation.note(process, `connection to broker ${this.broker.id} breaks: ${why}`)
    process.after(this.latency(), 'connection lost', () => this.fail(connectionLost(this.address, new Error(why))))
  }

  /** The broker is gone, and all that it has received. */
  brokerCrashed(): void {
    this.received.length = 0
    this.break('the broker has stopped')
    this.received.length = 0
  }

  private fail(reason: Error): void {
    if (this.failure !== undefined) return
    this.failure = reason
    for (const { reject, cancelTimeout } of this.waiters.splice(0)) {
      cancelTimeout()
      reject(reason)
    }
  }

  /** What the broker has received it may carry out all the same: some of it, from the first on. */
  private abandon(): void {
    if (this.isBroken) return
    this.isBroken = true
    this.received.length = this.parts.process.random.below(this.received.length + 1)
    this.parts.onEnd(this)
  }

  private receive(arriving: Arriving): void {
    this.received.push(arriving)
    if (!this.isBusy) this.next()
  }

  /** In order still: it was one stream of bytes. */
  private arriveLate({ type, input }: Arriving): void {
    const { simulation, process, kafka, broker, clientId } = this.parts
    const { lateArrival, lateMs } = this.parts.conditions()
    if (!process.random.chance(lateArrival)) return
    const { incarnation } = broker
    this.lastArrivalMs = Math.max(this.lastArrivalMs, simulation.nowMs + process.random.between(0, lateMs))
    simulation.after(null, this.lastArrivalMs - simulation.nowMs, `late ${type.name}`, () => {
      if (broker.isUp && broker.incarnation === incarnation) kafka.handle(type, input, { broker, clientId, reply() {} })
    })
  }

  private next(): void {
    const arriving = this.received.shift()
    this.isBusy = arriving !== undefined
    if (arriving === undefined) return
    const { simulation, kafka, broker, clientId } = this.parts
    const { incarnation } = broker
    const reply = (answer: unknown): void => {
      if (broker.incarnation !== incarnation) return
      if (arriving.losesAnswer) this.break('an answer is lost')
      else if (!this.isBroken) this.answer(arriving.type.name, answer)
      // Not in this very call: a long row of requests would be one event.
      simulation.after(null, 0, 'next request', () => {
        if (broker.incarnation === incarnation) this.next()
      })
    }
    const carryOut = () => {
      if (broker.incarnation === incarnation) kafka.handle(arriving.type, arriving.input, { broker, clientId, reply })
    }
    if (!this.isHeld(arriving, carryOut)) carryOut()
  }

  private isHeld({ type, input }: Arriving, carryOut: () => void): boolean {
    const gate = this.parts.gate()
    if (gate === undefined) return false
    const { process, broker } = this.parts
    return gate(new HeldRequest({ type, input, process, broker, carryOut, breakConnection: (why) => this.break(why) }))
  }

  private answer(request: string, answer: unknown): void {
    const { simulation, process } = this.parts
    this.lastAnswerMs = Math.max(this.lastAnswerMs, simulation.nowMs + this.latency())
    process.after(this.lastAnswerMs - simulation.nowMs, `answer to ${request}`, () => {
      if (this.failure !== undefined) return
      const waiter = this.waiters.shift()
      if (waiter === undefined) return
      waiter.cancelTimeout()
      waiter.resolve(answer as never)
    })
  }

  private latency(): number {
    const { least, most } = this.parts.conditions().latencyMs
    return this.parts.process.random.between(least, most)
  }
}

/** Batches as they left the socket: later changes to their buffers must not matter. */
function asSent<Input>(type: RequestType<Input, unknown>, input: Input): unknown {
  if (type.apiKey !== PRODUCE) return input
  const produced = input as ProduceInput
  return { ...produced, batches: produced.batches.map((batch) => ({ ...batch, records: Buffer.from(batch.records) })) }
}
