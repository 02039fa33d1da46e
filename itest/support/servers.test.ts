import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { isKafkaReady, kafkaClient } from './kafka-ready.ts'
import { readCommitted } from './read-committed.ts'
import { type KafkaServer, type S3Server, startKafka, startS3 } from './servers.ts'
import { createTopic } from './topics.ts'

describe('a Kafka server for tests', () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.close())

  test('keeps its data and its port over a clean restart and over SIGKILL', async () => {
    await createTopic(kafka, 'kept', { partitions: 1 })
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await produce(kafka, 'kept', signal)
      await kafka.restart(signal)
    }
    const values = (await readCommitted(kafka, 'kept')).map(({ value }) => String(value))
    assert.deepEqual(values, ['SIGTERM', 'SIGKILL'])
  })

  test('answers nobody while it is paused, and everybody afterwards', async () => {
    await kafka.pause()
    assert.equal(await isKafkaReady(kafka.bootstrap), false)
    await kafka.resume()
    await produce(kafka, 'kept', 'resumed')
  })

  test('runs the tools of Kafka beside its data', async () => {
    const { stdout, exitCode } = await kafka.runTool('kafka.tools.DumpLogSegments', [
      '--print-data-log',
      '--files',
      `${kafka.logDir}/kept-0/00000000000000000000.log`,
    ])
    assert.equal(exitCode, 0)
    assert.match(stdout, /payload: SIGTERM/)
  })
})

test('a Kafka server that cannot start shows the end of its log', async () => {
  await assert.rejects(startKafka({ config: { 'log.segment.bytes': 'many' } }), (error: Error) => {
    assert.match(error.message, /could not be started: .* ended with code [1-9]/)
    assert.match(error.message, /Invalid value many for configuration log.segment.bytes/)
    return true
  })
})

test('an S3 server keeps its objects over SIGKILL', async (context) => {
  const s3 = await startS3({ bucket: 'mine' })
  const client = s3Client(s3)
  try {
    if (!s3.durable) return context.skip('moto keeps objects in memory only')
    await client.send(new PutObjectCommand({ Bucket: s3.bucket, Key: 'a/b', Body: 'kept' }))
    await s3.stop('SIGKILL')
    await s3.start()
    const found = await client.send(new GetObjectCommand({ Bucket: 'mine', Key: 'a/b' }))
    assert.equal(await found.Body?.transformToString(), 'kept')
  } finally {
    client.destroy()
    await s3.close()
  }
})

test('nothing is left of the servers of a test that is killed', async () => {
  const servers = fileURLToPath(new URL('servers.ts', import.meta.url))
  const script = `
    const { startKafka, startS3 } = await import(${JSON.stringify(servers)})
    const [kafka, s3] = await Promise.all([startKafka(), startS3()])
    console.log(JSON.stringify({ bootstrap: kafka.bootstrap, endpoint: s3.endpoint, folders: [kafka.logDir, s3.dataDir] }))
    setInterval(() => {}, 1000)`
  const forgetful = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = await Promise.race([
    once(forgetful.stdout, 'data'),
    once(forgetful, 'exit').then(([code]) => assert.fail(`it ended with code ${code}`)),
  ])
  const { bootstrap, endpoint, folders } = JSON.parse(String(said))
  forgetful.kill('SIGKILL')
  const isThere = async () =>
    (await isKafkaReady(bootstrap)) ||
    (await isAnswering(endpoint)) ||
    folders.some((folder?: string) => folder && existsSync(folder))
  for (let waits = 0; await isThere(); waits++) {
    assert.ok(waits < 100, 'something is left after 10 s')
    await sleep(100)
  }
})

async function produce(server: KafkaServer, topic: string, value: string): Promise<void> {
  const producer = kafkaClient(server.bootstrap, { retries: 10 }).producer()
  await producer.connect()
  await producer.send({ topic, messages: [{ value }] })
  await producer.disconnect()
}

function s3Client(s3: S3Server): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3
  return new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } })
}

function isAnswering(endpoint: string): Promise<boolean> {
  return fetch(endpoint).then(
    () => true,
    () => false,
  )
}
