/** An S3 server that answers as a test says: what real ones do only on a bad day. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/common/clock.ts'
import { DEFAULT_RETRY_POLICY, type RetryPolicy } from './retry.ts'
import { S3Access } from './s3-access.ts'
import { createS3Client } from './s3-client.ts'
import { S3Location } from './s3-location.ts'
import { S3Storage } from './s3-storage.ts'

export interface S3Call {
  readonly method: string
  /** Behind the bucket. */
  readonly key: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

export type S3Answer =
  | {
      readonly status: number
      readonly headers?: Readonly<Record<string, string>>
      readonly body?: string | Buffer
      /** So many bytes of the body are sent; then the connection ends, or nothing more comes. */
      readonly cut?: { readonly after: number; readonly ending: 'reset' | 'silence' }
    }
  /** The request was read; no answer comes: at all, or because the connection is gone. */
  | 'silence'
  | 'reset'

export const OK: S3Answer = { status: 200, headers: { etag: '"e"' } }

export const xml = (body: string, status = 200): S3Answer => ({ status, headers: { 'content-type': 'application/xml' }, body })

export function refusal(status: number, code: string, headers: Readonly<Record<string, string>> = {}): S3Answer {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>said by the test</Message></Error>`
  return { status, headers: { 'content-type': 'application/xml', ...headers }, body }
}

export interface ScriptedS3 {
  readonly storage: S3Storage
  readonly calls: readonly S3Call[]
  /** "PUT a/b", with the names of the query where they matter. */
  log(): string[]
}

const QUICK: RetryPolicy = { ...DEFAULT_RETRY_POLICY, firstPauseMs: 1, maxPauseMs: 5, firstTimeoutMs: 150, deadlineMs: 5_000 }

/** @param answer is called with each request, and how many came before it. Its server lives as long as the test. */
export async function scriptedS3(
  t: TestContext,
  answer: (call: S3Call, index: number) => S3Answer,
  policy: Partial<RetryPolicy> = {},
): Promise<ScriptedS3> {
  const calls: S3Call[] = []
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://host')
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>))
    const key = decodeURIComponent(pathname).replace(/^\/bucket\/?/, '')
    const call = { method: request.method ?? '', key, query: searchParams, headers: request.headers, body }
    calls.push(call)
    reply(response, answer(call, calls.length - 1))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const client = createS3Client(
    { endpoint, region: undefined, forcePathStyle: undefined, accessKeyId: 'key', secretAccessKey: 'secret' },
    300,
  )
  t.after(() => {
    client.destroy()
    server.closeAllConnections()
    server.close()
  })
  const storage = new S3Storage(
    new S3Access({
      client,
      location: new S3Location('s3://bucket'),
      endpoint,
      policy: { ...QUICK, ...policy },
      clock: systemClock,
    }),
  )
  const log = () =>
    calls.map(({ method, key, query }) => {
      const names = [...query.keys()].filter((name) => name !== 'x-id' && name !== 'list-type' && name !== 'prefix')
      return `${method} ${key}${names.length === 0 ? '' : `?${names.join('&')}`}`
    })
  return { storage, calls, log }
}

function reply(response: ServerResponse, answer: S3Answer): void {
  if (answer === 'silence') return
  if (answer === 'reset') {
    response.socket?.destroy()
    return
  }
  const { status, headers = {}, body = '', cut } = answer
  if (cut === undefined) {
    response.writeHead(status, headers).end(body)
    return
  }
  response.writeHead(status, { ...headers, 'content-length': `${Buffer.byteLength(body)}` })
  response.write(Buffer.from(body).subarray(0, cut.after), () => {
    if (cut.ending === 'reset') response.socket?.destroy()
  })
}
