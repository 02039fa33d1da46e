/**
 * A request that has reached its broker and is not carried out before somebody says so. What comes behind it on the same
 * connection waits, too, as on a broker that is slow. Its sender may have given up, or died, meanwhile: passed then, it is a
 * request that arrives late.
 */
import type { SimulatedProcess } from '../../../src/testing/simulator/simulated-process.ts'
import type { RequestType } from '../client/request-type.ts'
import type { ModelBroker } from './model-broker.ts'

export interface HeldRequestParts {
  readonly type: RequestType<unknown, unknown>
  readonly input: unknown
  readonly process: SimulatedProcess
  readonly broker: ModelBroker
  readonly carryOut: () => void
  readonly breakConnection: (why: string) => void
}

export class HeldRequest<Input = unknown> {
  readonly name: string
  readonly input: Input
  readonly process: SimulatedProcess
  readonly broker: ModelBroker
  private readonly parts: HeldRequestParts
  private isOver = false

  constructor(parts: HeldRequestParts) {
    this.parts = parts
    this.name = parts.type.name
    this.input = parts.input as Input
    this.process = parts.process
    this.broker = parts.broker
  }

  /** It is carried out, once. Who breaks it or its sender off in the same moment keeps the answer from coming. */
  pass(): void {
    if (this.isOver) return
    this.isOver = true
    this.parts.carryOut()
  }

  /** It is never carried out; its connection breaks. */
  lose(): void {
    if (this.isOver) return
    this.isOver = true
    this.parts.breakConnection('a request is lost')
  }

  /** The connection breaks, so that its sender asks again, and it may pass all the same, later. */
  breakOff(): void {
    this.parts.breakConnection('broken off')
  }
}

/** Whether the request is held: whoever says so must end it. */
export type Gate = (request: HeldRequest) => boolean
