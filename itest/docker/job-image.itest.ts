/** The image of docker/Dockerfile, built and run as a user would: an example's job, Kafka, S3, SIGTERM. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { kafkaClient } from '../support/kafka-ready.ts'
import { guard, release } from '../support/leftovers.ts'
import { followCommitted } from '../support/read-committed.ts'
import { mustRun } from '../support/run-command.ts'
import { type KafkaServer, provider, type S3Server, startKafka, startS3 } from '../support/servers.ts'
import { createTopic } from '../support/topics.ts'

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url))
const IMAGE = 'millrace-itest/job'

const ORDERS = [
  { key: 'alice', value: { orderId: '1', status: 'paid', amountCents: 1250 } },
  { key: 'alice', value: { orderId: '2', status: 'open', amountCents: 7 } },
  { key: 'alice', value: { orderId: '3', status: 'paid', amountCents: 50 } },
]

describe('the image of a job', { skip: provider() !== 'docker' && 'needs the docker provider' }, () => {
  let kafka: KafkaServer
  let s3: S3Server
  before(async () => {
    const nodeImage = process.env.MILLRACE_NODE_IMAGE
    const base = nodeImage === undefined ? [] : ['--build-arg', `NODE_IMAGE=${nodeImage}`]
    await mustRun('docker', ['build', '--tag', IMAGE, '--file', 'docker/Dockerfile', ...base, '.'], { cwd: REPOSITORY })
    kafka = await startKafka()
    s3 = await startS3()
  })
  after(async () => {
    await kafka?.close()
    await s3?.close()
  })

  test('runs a mounted job as an ordinary user, with checkpoints in S3, and ends well on SIGTERM', async () => {
    for (const topic of ['orders', 'orders-unreadable', 'revenue-by-customer'])
      await createTopic(kafka, topic, { partitions: 1 })
    await produceOrders(kafka)
    const job = await startJob(kafka, s3)
    try {
      const rows: unknown[] = []
      for await (const { value } of followCommitted(kafka, 'revenue-by-customer')) {
        rows.push(JSON.parse(String(value)))
        if (rows.length === 2) break
      }
      assert.deepEqual(rows, [
        { key: 'alice', orders: 1, revenueCents: 1250, largestCents: 1250 },
        { key: 'alice', orders: 2, revenueCents: 1300, largestCents: 1250 },
      ])
      assert.notEqual((await mustRun('docker', ['exec', job, 'id', '-u'])).stdout.trim(), '0')

      await mustRun('docker', ['stop', '--time', '30', job])
      const { stdout: exitCode } = await mustRun('docker', ['inspect', '--format', '{{.State.ExitCode}}', job])
      assert.equal(exitCode.trim(), '0')
      assert.match((await mustRun('docker', ['logs', job])).stdout, /"event":"job-stopped"/)
    } finally {
      await mustRun('docker', ['rm', '--force', '--volumes', job])
      release('container', job)
    }
  })
})

/** The id of its container. In the host's network, as that is where the servers' addresses lead. */
async function startJob({ bootstrap }: KafkaServer, store: S3Server): Promise<string> {
  const options = {
    MILLRACE_BROKERS: bootstrap,
    MILLRACE_CHECKPOINTS: `s3://${store.bucket}/jobs`,
    MILLRACE_CHECKPOINT_INTERVAL: '500ms',
    MILLRACE_S3_ENDPOINT: store.endpoint,
    MILLRACE_S3_ACCESS_KEY_ID: store.accessKeyId,
    MILLRACE_S3_SECRET_ACCESS_KEY: store.secretAccessKey,
  }
  const environment = Object.entries(options).flatMap(([name, value]) => ['--env', `${name}=${value}`])
  const mount = ['--volume', `${REPOSITORY}examples:/job:ro`]
  const { stdout } = await mustRun('docker', [
    ...['run', '--detach', '--network', 'host', ...mount, ...environment, IMAGE],
    ...['run', 'order-revenue.job.ts', '--metrics-port', 'off'],
  ])
  const id = stdout.trim()
  guard('container', id)
  return id
}

async function produceOrders({ bootstrap }: KafkaServer): Promise<void> {
  const producer = kafkaClient(bootstrap, { retries: 10 }).producer()
  await producer.connect()
  await producer.send({ topic: 'orders', messages: ORDERS.map(({ key, value }) => ({ key, value: JSON.stringify(value) })) })
  await producer.disconnect()
}
