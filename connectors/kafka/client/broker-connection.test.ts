import assert from 'node:assert/strict'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, test } from 'node:test'
import { isMillraceError } from '../../../src/common/errors.ts'
import { silentLogger } from '../../../src/common/logger.ts'
import { BrokerConnection } from './broker-connection.ts'
import { KafkaClient } from './client.ts'
import { parseBrokerAddress } from './kafka-client-options.ts'
import { EndTxn } from './requests/transaction-requests.ts'

const OPTIONS = { clientId: 'test', connectionTimeoutMs: 200, logger: silentLogger }
/** Without an end of its own a test would hang: this is far above any of its time-outs. */
const BOUNDED = { timeout: 30_000 }
const COMMIT = { transactionalId: 't', producerId: 1, producerEpoch: 0, commit: true }

const servers: Server[] = []
const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) server.close()
})

/** A broker made of an answer to each request; null: silence. */
async function listen(answer: (apiKey: number, request: Buffer, socket: Socket) => Buffer | null) {
  const server = createServer((socket) => {
    sockets.push(socket)
    let received = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data])
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const request = received.subarray(4, 4 + received.readInt32BE(0))
        received = received.subarray(4 + request.length)
        const body = answer(request.readInt16BE(0), request, socket)
        if (body === null) continue
        const head = Buffer.alloc(8)
        head.writeInt32BE(4 + body.length, 0)
        head.writeInt32BE(request.readInt32BE(4), 4)
        socket.write(Buffer.concat([head, body]))
      }
    })
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

/** ApiVersions v3: no error; ApiVersions 0 to 3, EndTxn 0 to 1. */
const VERSIONS = Buffer.from('0000' + '03' + '00120000000300' + '001a0000000100' + '00000000' + '00', 'hex')
const END_TXN_DONE = Buffer.from('000000000000', 'hex')

test('answers find their requests, and an idle connection holds no timer', async () => {
  const address = await listen((apiKey) => (apiKey === 18 ? VERSIONS : END_TXN_DONE))
  const connection = await BrokerConnection.open(address, OPTIONS)
  const answers = await Promise.all([1, 2, 3].map(() => connection.send(EndTxn, COMMIT, 1_000)))
  assert.deepEqual(answers, [{ errorCode: 0 }, { errorCode: 0 }, { errorCode: 0 }])
  assert.equal(connection.inFlightCount, 0)
  await new Promise((resolve) => setTimeout(resolve, 20))
  const timers = process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout')
  assert.equal(timers.length, 0)
  connection.close()
})

test('no answer in time gives the connection up, with everything on it', async () => {
  const address = await listen((apiKey) => (apiKey === 18 ? VERSIONS : null))
  const connection = await BrokerConnection.open(address, OPTIONS)
  const patient = connection.send(EndTxn, COMMIT, 10_000)
  const hasty = connection.send(EndTxn, COMMIT, 30)
  await assert.rejects(hasty, (error) => isMillraceError(error, 'MR_KAFKA_REQUEST_TIMEOUT') && /EndTxn/.test(error.message))
  await assert.rejects(patient, (error) => isMillraceError(error, 'MR_KAFKA_REQUEST_TIMEOUT'))
  assert.equal(connection.isOpen, false)
  await assert.rejects(connection.send(EndTxn, COMMIT, 30))
})

test('a connection that the broker closes, politely or not, rejects what waits', async () => {
  for (const how of ['end', 'destroy', 'resetAndDestroy'] as const) {
    const address = await listen((apiKey, _request, socket) => {
      if (apiKey === 18) return VERSIONS
      socket[how]()
      return null
    })
    const connection = await BrokerConnection.open(address, OPTIONS)
    await assert.rejects(connection.send(EndTxn, COMMIT, 5_000), (error) => isMillraceError(error, 'MR_KAFKA_UNREACHABLE'))
    assert.equal(connection.isOpen, false)
  }
})

test('a server that accepts and stays silent is given up in bounded time', BOUNDED, async () => {
  const address = await listen(() => null)
  await assert.rejects(BrokerConnection.open(address, OPTIONS), (error) => isMillraceError(error, 'MR_KAFKA_REQUEST_TIMEOUT'))
})

test('a server that speaks something else is given up, with a hint', async () => {
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = { host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  await assert.rejects(
    BrokerConnection.open(address, OPTIONS),
    (error) => isMillraceError(error, 'MR_KAFKA_UNREACHABLE') && /TLS\?/.test(error.message),
  )
})

test('a cluster that cannot be reached is an error that names every address tried, in bounded time', BOUNDED, async () => {
  const closed = await listen(() => null)
  await new Promise((resolve) => servers.pop()?.close(resolve))
  await assert.rejects(
    KafkaClient.connect({ brokers: [`127.0.0.1:${closed.port}`, 'localhost:1'], connectTimeoutMs: 300 }),
    (error) =>
      isMillraceError(error, 'MR_KAFKA_UNREACHABLE') &&
      error.message.includes(`127.0.0.1:${closed.port}`) &&
      error.message.includes('localhost:1'),
  )
})

test('a wrong address is refused before anything is tried', async () => {
  for (const brokers of [[], ['host:port'], ['a b:9092'], ['host:70000']]) {
    await assert.rejects(KafkaClient.connect({ brokers }), (error) => isMillraceError(error, 'MR_CONFIG_INVALID_VALUE'))
  }
})

test('addresses: names, IPv6 in brackets, 9092 by default', () => {
  assert.deepEqual(parseBrokerAddress('kafka-1.example.org:9093'), { host: 'kafka-1.example.org', port: 9093 })
  assert.deepEqual(parseBrokerAddress('[::1]:9094'), { host: '::1', port: 9094 })
  assert.deepEqual(parseBrokerAddress('kafka'), { host: 'kafka', port: 9092 })
})
