/** A broker of the Kafka model, and what a request to it looks like. */
import type { RequestType } from '../client/request-type.ts'

export interface ModelBroker {
  readonly id: number
  readonly host: string
  readonly port: number
  isUp: boolean
  /** Counts its starts: an answer begun before a crash is never sent. */
  incarnation: number
  /** Until then its coordinators answer that they are loading. */
  loadingUntilMs: number
}

/** A request being carried out. */
export interface ModelCall<Output> {
  readonly broker: ModelBroker
  readonly clientId: string
  /** Once, now or later. */
  reply(answer: Output): void
}

type Handler = (input: never, call: ModelCall<never>) => void

/** Which part of the model carries out which kind of request. */
export class ModelHandlers {
  private readonly byApiKey = new Map<number, Handler>()

  on<Input, Output>(type: RequestType<Input, Output>, handle: (input: Input, call: ModelCall<Output>) => void): void {
    this.byApiKey.set(type.apiKey, handle as unknown as Handler)
  }

  handle<Input, Output>(type: RequestType<Input, Output>, input: Input, call: ModelCall<Output>): void {
    const handler = this.byApiKey.get(type.apiKey)
    if (handler === undefined) throw new Error(`the Kafka model does not know ${type.name}`)
    handler(input as never, call as unknown as ModelCall<never>)
  }
}
