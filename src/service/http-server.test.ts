import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { after, test } from 'node:test'
import { isMillraceError } from '../common/errors.ts'
import { silentLogger } from '../common/logger.ts'
import { GatheredMetrics } from './gathered-metrics.ts'
import { Health } from './health.ts'
import { type HttpServerOptions, startHttpServer } from './http-server.ts'

const metrics = new GatheredMetrics()
const health = new Health('orders')

function start(options: Partial<HttpServerOptions> = {}) {
  return startHttpServer({ host: '127.0.0.1', port: 0, mayMove: false, metrics, health, logger: silentLogger, ...options })
}

const server = await start()
after(() => server.close())

async function get(path: string, init?: RequestInit) {
  const response = await fetch(`${server.url}${path}`, init)
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
}

test('metrics are served in the text format', async () => {
  metrics.counter('a_total', 'A.').add(5)
  const { status, type, body } = await get('/metrics?x=1')
  assert.equal(status, 200)
  assert.equal(type, 'text/plain; version=0.0.4; charset=utf-8')
  assert.match(body, /^a_total 5$/m)
})

test('health follows the state of the job: alive while it restores, ready when it runs, 503 when it failed', async () => {
  const probe = async () => [(await get('/healthz')).status, (await get('/readyz')).status]
  assert.deepEqual(await probe(), [200, 503])
  health.enter('restoring')
  assert.deepEqual(await probe(), [200, 503])
  health.enter('running')
  health.completed({ checkpoint: 12, completedAtMs: Date.now() - 1_000, durationMs: 40, bytes: 99 })
  assert.deepEqual(await probe(), [200, 200])
  const { lastCheckpoint, ...rest } = JSON.parse((await get('/healthz')).body)
  assert.equal(lastCheckpoint.checkpoint, 12)
  assert.ok(lastCheckpoint.ageMs >= 1_000 && lastCheckpoint.ageMs < 60_000)
  assert.equal(rest.state, 'running')
  assert.equal(rest.applicationId, 'orders')
  health.fail(Object.assign(new Error('gone'), { code: 'MR_X' }))
  assert.deepEqual(await probe(), [503, 503])
  assert.deepEqual(JSON.parse((await get('/healthz')).body).error, { code: 'MR_X', message: 'gone' })
  health.enter('restoring')
  assert.equal(JSON.parse((await get('/healthz')).body).error, null)
})

test('the index names the paths; others are not found; nothing can be changed', async () => {
  assert.match((await get('/')).body, /Millrace job orders: .*\/metrics/s)
  assert.equal((await get('/nothing')).status, 404)
  assert.equal((await get('/metrics', { method: 'POST' })).status, 405)
  assert.deepEqual(
    [(await get('/metrics', { method: 'HEAD' })).status, (await get('/metrics', { method: 'HEAD' })).body],
    [200, ''],
  )
})

test('a malformed request target does not harm the process', async () => {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  socket.end('GET // HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  const [answer] = await once(socket, 'data')
  assert.match(String(answer), /^HTTP\/1.1 404/)
})

test('a port that is taken is an error where it was asked for, and left where it was not', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  await assert.rejects(start({ port }), (error: unknown) => isMillraceError(error, 'MR_METRICS_PORT_UNAVAILABLE'))
  const moved = await start({ port, mayMove: true })
  assert.notEqual(Number(new URL(moved.url).port), port)
  await moved.close()
  other.close()
})

test('closing does not wait for idle connections', async () => {
  const closing = await start()
  const socket = connect(Number(new URL(closing.url).port), '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  await closing.close()
})
