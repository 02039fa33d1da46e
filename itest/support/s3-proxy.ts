/**
 * A proxy between a job and its S3 server that does to requests what networks, stores and rights do to them: the fault is
 * switched by the test, while connections are open. Plain HTTP; a request is passed on as it was signed.
 */
import { type ClientRequest, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type S3Fault = {
  /** Only these methods; default: all. */
  readonly methods?: readonly string[]
  /** Only one of so many requests that fit; default: each. */
  readonly oneIn?: number
} & (
  | {
      /** The store refuses it with this answer, as S3 words it. */
      readonly kind: 'refuse'
      readonly status: number
      readonly code: string
      readonly message: string
      readonly headers?: Readonly<Record<string, string>>
      /** Further elements of the body. */
      readonly xml?: string
    }
  | { readonly kind: 'delay'; readonly ms: number }
  /** The connection is closed before anything reaches the store. */
  | { readonly kind: 'drop' }
  /** Half of the body reaches the store, then both connections are closed. */
  | { readonly kind: 'cut-request' }
  /** Half of the answer's body reaches the job, then its connection is closed. */
  | { readonly kind: 'cut-answer' }
  /** The store does it, and nobody hears of that. */
  | { readonly kind: 'lose-answer' }
  /** Nothing reaches the store and nothing comes back, not even the end of the connection: nor when the fault is over. */
  | { readonly kind: 'hang' }
)

const XML = { 'content-type': 'application/xml' }

export class S3Proxy {
  /** Requests that the present fault has met. */
  hits = 0
  /** Of these, attempts at one and the same. */
  mostAttempts = 0
  private attempts = new Map<string, number>()
  /** Bytes of bodies that were passed to the job. */
  answeredBytes = 0
  private fault: S3Fault | undefined
  private fitting = 0
  private readonly target: URL
  private readonly server: Server

  private constructor(target: string) {
    this.target = new URL(target)
    this.server = createServer((incoming, outgoing) => {
      this.serve(incoming, outgoing).catch(() => incoming.socket.destroy())
    })
  }

  static async open(target: string): Promise<S3Proxy> {
    const proxy = new S3Proxy(target)
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** From the next request on; undefined: all is well. */
  inflict(fault: S3Fault | undefined): void {
    this.fault = fault
    this.hits = 0
    this.mostAttempts = 0
    this.attempts = new Map()
    this.fitting = 0
  }

  async close(): Promise<void> {
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private async serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const fault = this.faultOf(incoming)
    if (fault !== undefined) this.count(incoming)
    const body = Buffer.concat(await Array.fromAsync(incoming as AsyncIterable<Buffer>))
    switch (fault?.kind) {
      case 'drop':
        incoming.socket.destroy()
        return
      case 'hang':
        return
      case 'refuse': {
        const { status, code, message, headers = {}, xml = '' } = fault
        outgoing.writeHead(status, { ...XML, ...headers })
        outgoing.end(
          `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message>${xml}<RequestId>faulty</RequestId></Error>`,
        )
        return
      }
      case 'delay':
        await sleep(fault.ms)
        break
      case 'cut-request':
        await this.sendHalf(incoming, body)
        incoming.socket.destroy()
        return
    }
    const answer = await this.forward(incoming, body)
    const bytes = Buffer.concat(await Array.fromAsync(answer as AsyncIterable<Buffer>))
    if (fault?.kind === 'lose-answer' || (fault?.kind === 'cut-answer' && bytes.length === 0)) {
      incoming.socket.destroy()
      return
    }
    outgoing.writeHead(answer.statusCode ?? 500, answer.rawHeaders)
    if (fault?.kind === 'cut-answer') {
      outgoing.write(bytes.subarray(0, bytes.length >> 1), () => incoming.socket.destroy())
      return
    }
    this.answeredBytes += bytes.length
    outgoing.end(bytes)
  }

  private count({ method, url }: IncomingMessage): void {
    this.hits++
    const request = `${method} ${url}`
    const attempts = (this.attempts.get(request) ?? 0) + 1
    this.attempts.set(request, attempts)
    this.mostAttempts = Math.max(this.mostAttempts, attempts)
  }

  private faultOf({ method = '' }: IncomingMessage): S3Fault | undefined {
    const { fault } = this
    if (fault === undefined || fault.methods?.includes(method) === false) return undefined
    return this.fitting++ % (fault.oneIn ?? 1) === 0 ? fault : undefined
  }

  private forward(incoming: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const sent = this.begin(incoming)
      sent.once('response', resolve)
      sent.once('error', reject)
      sent.end(body)
    })
  }

  /** The store sees a body that is shorter than announced, and the end of the connection. */
  private sendHalf(incoming: IncomingMessage, body: Buffer): Promise<void> {
    return new Promise((resolve) => {
      const sent = this.begin(incoming)
      sent.once('error', () => resolve())
      sent.once('close', () => resolve())
      if (body.length === 0) sent.destroy()
      else sent.write(body.subarray(0, body.length >> 1), () => sent.destroy())
    })
  }

  private begin({ method, url, rawHeaders }: IncomingMessage): ClientRequest {
    const { hostname, port } = this.target
    const sent = request({ host: hostname, port, method: method ?? 'GET', path: url ?? '/', setHost: false, agent: false })
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const name = rawHeaders[i] ?? ''
      // The connections on both sides are each their own.
      if (!/^(connection|keep-alive|transfer-encoding)$/i.test(name)) sent.appendHeader(name, rawHeaders[i + 1] ?? '')
    }
    return sent
  }
}
