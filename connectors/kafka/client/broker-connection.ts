/**
 * One connection to one broker: kafkajs opens, authenticates and frames it; requests, answers and deadlines are ours. A
 * connection that failed in any way is closed for good and everything waiting on it is rejected; open another.
 *
 * Requests bypass kafkajs's `send`, which copies every request twice into buffers that it fills with zeros first: here
 * the chunks of a request (for a produce request: the sealed batches themselves) go to the socket as they are.
 */
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import KafkaJsConnection, { type KafkaJsLogger, type KafkaJsSocketFactoryInput } from 'kafkajs/src/network/connection.js'
import { MillraceError, toError } from '../../../src/common/errors.ts'
import type { Logger } from '../../../src/common/logger.ts'
import { ApiVersions, type BrokerVersions } from './api-versions.ts'
import type { Connection, OpenOptions } from './connection.ts'
import { connectionLost, openFailed, requestTimedOut } from './connection-errors.ts'
import { InFlightRequests } from './in-flight-requests.ts'
import { type BrokerAddress, formatBrokerAddress } from './kafka-client-options.ts'
import { KafkaCode } from './kafka-errors.ts'
import { decodeAnswer, encodeRequest, negotiateVersion, type RequestType } from './request-type.ts'

const SASL_AUTHENTICATE = 36

export class BrokerConnection implements Connection {
  readonly address: string
  readonly #clientId: string
  readonly #connection: KafkaJsConnection
  readonly #inFlight = new InFlightRequests((error) => this.close(this.#lost(error)))
  #socket: Socket | undefined
  #socketError: Error | undefined
  #usesSasl = false
  /** Open, and nothing but ApiVersions, which needs no rights, has been answered yet. */
  #isUnproven = false
  #versions: BrokerVersions = { errorCode: 0, ranges: new Map([[ApiVersions.apiKey, { min: 0, max: 3 }]]), features: new Map() }
  #failure: Error | undefined

  private constructor(address: BrokerAddress, options: OpenOptions) {
    this.address = formatBrokerAddress(address)
    this.#clientId = options.clientId
    this.#connection = new KafkaJsConnection({
      ...address,
      clientId: options.clientId,
      logger: quietLogger(options.logger, this.address),
      socketFactory: (input) => this.#createSocket(input),
      ssl: options.ssl === true ? {} : options.ssl || null,
      // kafkajs writes into this object.
      sasl: options.sasl === undefined ? null : { ...options.sasl },
      connectionTimeout: options.connectionTimeoutMs,
      requestTimeout: options.connectionTimeoutMs,
      enforceRequestTimeout: false,
    })
    this.#connection.requestQueue = this.#inFlight
  }

  /** Connects, asks for the broker's versions, authenticates. */
  static async open(address: BrokerAddress, options: OpenOptions): Promise<BrokerConnection> {
    const connection = new BrokerConnection(address, options)
    const timer = setTimeout(
      () => connection.close(requestTimedOut('connecting', connection.address, options.connectionTimeoutMs)),
      options.connectionTimeoutMs,
    )
    try {
      await connection.#open(options)
      return connection
    } catch (thrown) {
      const error = openFailed(connection.#failure ?? toError(thrown), connection.address, options)
      connection.close(error)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  get isOpen(): boolean {
    return this.#failure === undefined
  }

  get versions(): BrokerVersions {
    return this.#versions
  }

  get inFlightCount(): number {
    return this.#inFlight.size
  }

  /** One request, one answer. Rejects with MR_KAFKA_UNREACHABLE or MR_KAFKA_REQUEST_TIMEOUT; the connection is closed then. */
  send<Input, Output>(type: RequestType<Input, Output>, input: Input, timeoutMs: number): Promise<Output> {
    if (this.#usesSasl && !this.#connection.isAuthenticated()) {
      return this.#authenticate(timeoutMs).then(() => this.#send(type, input, timeoutMs))
    }
    return this.#send(type, input, timeoutMs)
  }

  close(reason: Error = connectionLost(this.address, new Error('closed by this client'))): void {
    if (this.#failure !== undefined) return
    this.#failure = reason
    this.#inFlight.failAll(reason)
    // `disconnect` sets kafkajs's own state; the socket must go even where the other side never answers its end.
    this.#connection.disconnect().catch(() => {})
    this.#socket?.destroy()
  }

  async #open(options: OpenOptions): Promise<void> {
    await this.#connection.connect()
    let versions = await this.#sendVersion(ApiVersions, 3, null, options.connectionTimeoutMs)
    if (versions.errorCode === KafkaCode.unsupportedVersion) {
      versions = await this.#sendVersion(ApiVersions, 0, null, options.connectionTimeoutMs)
    }
    if (versions.errorCode !== 0) {
      throw new MillraceError(
        'MR_KAFKA_PROTOCOL',
        `broker ${this.address} answers ApiVersions with error ${versions.errorCode}`,
      )
    }
    this.#versions = versions
    this.#isUnproven = options.sasl === undefined // after the answer above, which doesn't count
    if (options.sasl === undefined) return
    const forKafkaJs: Record<number, { minVersion: number; maxVersion: number }> = {}
    for (const [key, range] of versions.ranges) forKafkaJs[key] = { minVersion: range.min, maxVersion: range.max }
    this.#connection.setVersions(forKafkaJs)
    this.#connection.setSupportAuthenticationProtocol(versions.ranges.has(SASL_AUTHENTICATE))
    this.#usesSasl = true
    await this.#connection.authenticate()
  }

  #lost(cause: Error | undefined): MillraceError {
    return connectionLost(this.address, cause, this.#isUnproven ? ' (does this listener want SASL?)' : '')
  }

  /** Again, where the broker bounds the life of a session (KIP-368). */
  async #authenticate(timeoutMs: number): Promise<void> {
    const timer = setTimeout(() => this.close(requestTimedOut('SASL', this.address, timeoutMs)), timeoutMs)
    try {
      await this.#connection.authenticate()
    } catch (thrown) {
      const error = this.#failure ?? openFailed(toError(thrown), this.address, {})
      this.close(error)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  #send<Input, Output>(type: RequestType<Input, Output>, input: Input, timeoutMs: number): Promise<Output> {
    return this.#sendVersion(type, negotiateVersion(type, this.#versions.ranges, this.address), input, timeoutMs)
  }

  #sendVersion<Input, Output>(
    type: RequestType<Input, Output>,
    version: number,
    input: Input,
    timeoutMs: number,
  ): Promise<Output> {
    return new Promise<Output>((resolve, reject) => {
      const socket = this.#socket
      if (this.#failure !== undefined || socket === undefined) {
        reject(this.#failure ?? connectionLost(this.address, new Error('not connected')))
        return
      }
      const correlationId = this.#connection.nextCorrelationId()
      const chunks = encodeRequest(type, version, correlationId, this.#clientId, input)
      const timer = setTimeout(() => this.close(requestTimedOut(type.name, this.address, timeoutMs)), timeoutMs)
      this.#inFlight.add(correlationId, {
        resolve: (answer) => {
          clearTimeout(timer)
          this.#isUnproven = false
          try {
            resolve(decodeAnswer(type, version, answer, this.address))
          } catch (error) {
            reject(toError(error))
          }
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      })
      if (chunks.length === 1) socket.write(chunks[0] as Buffer)
      else {
        socket.cork()
        for (const chunk of chunks) socket.write(chunk)
        socket.uncork()
      }
    })
  }

  #createSocket({ host, port, ssl, onConnect }: KafkaJsSocketFactoryInput): Socket | TLSSocket {
    const socket = ssl
      ? connectTls({ host, port, ...(isIP(host) ? {} : { servername: host }), ...(ssl as object) }, onConnect)
      : connectTcp({ host, port }, onConnect)
    // Without this the last, short packet of a request may wait for the acknowledgement of the one before (Nagle).
    socket.setNoDelay(true)
    socket.setKeepAlive(true, 60_000)
    // The last word about a connection: kafkajs listens to `end` and `error` alone.
    socket.on('close', () => this.close(this.#lost(this.#socketError)))
    socket.on('error', (error) => (this.#socketError = error))
    this.#socket = socket
    return socket
  }
}

/** kafkajs logs lost connections as errors; here they are ordinary, and whoever is affected says so. */
function quietLogger(logger: Logger, broker: string): KafkaJsLogger {
  const log = (message: string, extra?: Record<string, unknown>): void => {
    logger.debug('kafka connection', { broker, message, cause: extra?.error })
  }
  const quiet: KafkaJsLogger = {
    namespace: () => quiet,
    debug() {},
    info: log,
    warn: log,
    error: log,
  }
  return quiet
}
