/** Topics that are deleted and created again under a running job. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { deleteTopics } from '../../connectors/kafka/client/admin.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { failsWith } from './failure.ts'
import { createTopic, Scene } from './scene.ts'

const PART = 2_000

describe('under a running job', { concurrency: 2 }, () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka()
  })
  after(() => kafka.close())

  test('an input topic of the same name with other records is not read from the old position', async () => {
    const scene = await Scene.open(kafka, { name: 'new-input' })
    try {
      const job = scene.start()
      await scene.write(PART)
      await scene.committed(job)
      // While it looks away, so that it finds every position of its own within the new topic.
      process.kill(job.pid, 'SIGSTOP')
      await deleteTopics(scene.client, [scene.inTopic])
      await createTopic(scene.client, scene.inTopic)
      await scene.write(5 * PART)
      process.kill(job.pid, 'SIGCONT')
      const { message } = await failsWith(job, 'MR_SOURCE_REPLACED')
      assert.ok(message.includes(scene.inTopic), message)
      await failsWith(scene.start(), 'MR_SOURCE_REPLACED')
    } finally {
      await scene.close()
    }
  })

  test('a control topic made anew ends it, and no start takes the new one for the old one', async () => {
    const scene = await Scene.open(kafka, { name: 'new-control' })
    try {
      const job = scene.start()
      await scene.write(PART)
      await scene.committed(job)
      await deleteTopics(scene.client, [`${scene.name}.control`])
      await createTopic(scene.client, `${scene.name}.control`, 1)
      const { exitCode } = await job.end()
      assert.equal(exitCode, 1, job.tail())
      await failsWith(scene.start(), 'MR_CONTROL_LOG_MISSING')
    } finally {
      await scene.close()
    }
  })
})
