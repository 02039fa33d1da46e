/** /metrics for Prometheus, /healthz and /readyz for probes. Reads only: nothing here can change the job. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { MillraceError, toError } from '../common/errors.ts'
import type { Logger } from '../common/logger.ts'
import type { Health } from './health.ts'
import type { Family } from './metrics.ts'
import { PROMETHEUS_CONTENT_TYPE, prometheusText } from './prometheus-text.ts'

export interface HttpServerOptions {
  readonly host: string
  readonly port: number
  /** Whether any other port will do when this one is taken: where nobody asked for this one. */
  readonly mayMove: boolean
  readonly metrics: { collect(): Promise<Iterable<Family>> }
  readonly health: Health
  readonly logger: Logger
}

export interface HttpServer {
  readonly url: string
  close(): Promise<void>
}

/** Throws MR_METRICS_PORT_UNAVAILABLE. The server alone does not keep the process alive. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { host, port, logger } = options
  const server = createServer((request, response) => {
    const [path = '/'] = (request.url ?? '/').split('?')
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const answering = isRead ? answer(path, options) : Promise.resolve({ status: 405, type: TEXT, body: 'only GET\n' })
    answering.then(
      (ready) => respond(response, ready),
      (error) => respond(response, { status: 500, type: TEXT, body: `${toError(error).message}\n` }),
    )
  })
  server.unref()
  try {
    await listen(server, host, port)
  } catch (error) {
    if (!options.mayMove || (error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw unavailable(host, port, error)
    logger.debug('metrics-port-taken', { port })
    await listen(server, host, 0).catch((error: unknown) => {
      throw unavailable(host, 0, error)
    })
  }
  server.on('error', (error) => logger.warn('metrics-server-error', { reason: error.message }))
  const address = server.address() as AddressInfo
  const url = `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`
  logger.info('metrics-listening', { url })
  return { url, close: () => close(server) }
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

const TEXT = 'text/plain; charset=utf-8'
const JSON_TYPE = 'application/json'

async function answer(path: string, { metrics, health }: HttpServerOptions): Promise<Answer> {
  switch (path) {
    case '/metrics':
      return { status: 200, type: PROMETHEUS_CONTENT_TYPE, body: prometheusText(await metrics.collect()) }
    case '/healthz':
      return { status: health.isAlive ? 200 : 503, type: JSON_TYPE, body: `${JSON.stringify(health.report())}\n` }
    case '/readyz':
      return { status: health.isReady ? 200 : 503, type: JSON_TYPE, body: `${JSON.stringify(health.report())}\n` }
    case '/':
      return { status: 200, type: TEXT, body: index(health) }
    default:
      return { status: 404, type: TEXT, body: 'not found\n' }
  }
}

function index(health: Health): string {
  const { applicationId, state } = health.report()
  return [
    `Millrace job ${applicationId}: ${state}`,
    '',
    '/metrics  metrics for Prometheus',
    '/healthz  the state of the job; 503 when it failed or stopped',
    '/readyz   the same; 200 only while it is running',
    '',
  ].join('\n')
}

function respond(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' })
  response.end(body)
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    // A scraper's idle keep-alive connection would hold the server open.
    server.closeAllConnections()
  })
}

function unavailable(host: string, port: number, cause: unknown): MillraceError {
  const reason = (cause as NodeJS.ErrnoException).code ?? String(cause)
  return new MillraceError('MR_METRICS_PORT_UNAVAILABLE', `cannot listen at ${host}:${port} for metrics: ${reason}`, {
    cause,
    details: { host, port },
  })
}
