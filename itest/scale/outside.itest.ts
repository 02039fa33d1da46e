/** What changes around a running job: its topics, its group, other jobs, the time. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createPartitions, deleteTopics } from '../../connectors/kafka/client/admin.ts'
import { failsWith, lastLineOf } from '../faults/failure.ts'
import { Scene } from '../faults/scene.ts'
import { kafkaClient } from '../support/kafka-ready.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { SHORT_SESSIONS, TransferScene } from './transfer-scene.ts'

describe('a running job', { concurrency: false }, () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka({ config: SHORT_SESSIONS })
  })
  after(() => kafka.close())

  test('with keyBy picks up the partitions that its topic gets, from their first record', async () => {
    const options = { 'partition-discovery-interval': '1s' }
    await TransferScene.play(kafka, 'grown', { options }, async (scene) => {
      const copies = await scene.start(2)
      await scene.writer.write(1_000)
      await scene.committed()
      await createPartitions(scene.client, scene.inTopic, 6)
      await scene.writer.spreadOver(6)
      await scene.whileWriting(async () => {
        const found = () => copies.some(({ job }) => job.count('partitions-added') > 0)
        while (!found()) await copies[0]!.job.moved(100)
        const epochs = () => copies.every(({ job }) => job.count('started') > 1)
        while (!epochs()) await copies[0]!.job.moved(100)
      })
      assert.ok(scene.writer.written[5]! > 0)
      await scene.finish()
      const added = copies.flatMap(({ job }) => job.lines.filter(({ event }) => event === 'partitions-added'))
      assert.deepEqual(
        added.map(({ tasks }) => tasks),
        ['transfers/4, transfers/5'],
      )
    })
  })

  test('with keyByRecordKey ends when its topic gets partitions, and says what to do', async () => {
    const options = { 'partition-discovery-interval': '1s' }
    const scene = await Scene.open(kafka, { name: 'moved-keys', options })
    try {
      const job = scene.start()
      await scene.write(1_000)
      await scene.committed(job)
      await createPartitions(scene.client, scene.inTopic, 6)
      const { message, remedy } = await failsWith(job, 'MR_PARTITIONS_ADDED')
      assert.match(message, /source "payments" had 4 partitions at checkpoint \d+ and has now 6/)
      assert.match(remedy, /keyBy\(\)/)
      await failsWith(scene.start(), 'MR_PARTITIONS_ADDED')
    } finally {
      await scene.close()
    }
  })

  test('ends on every copy when its topic is deleted, and names it', async () => {
    await TransferScene.play(kafka, 'deleted', {}, async (scene) => {
      const copies = await scene.start(2)
      await scene.writer.write(1_000)
      await scene.committed()
      for (const copy of copies) copy.state = 'expected to fail'
      await deleteTopics(scene.client, [scene.inTopic])
      for (const { job } of copies) {
        const { code, message } = await lastLineOf(job)
        assert.ok(['MR_KAFKA_TOPIC_MISSING', 'MR_JOB_FAILED'].includes(code), `${code}: ${message}`)
        assert.ok(message.includes(scene.inTopic), message)
      }
    })
  })

  test('takes no group that others consume with', async () => {
    const scene = await Scene.open(kafka, { name: 'taken' })
    const consumer = kafkaClient(kafka.bootstrap, { retries: 5 }).consumer({ groupId: scene.name })
    try {
      await consumer.connect()
      await consumer.subscribe({ topic: scene.inTopic, fromBeginning: true })
      const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve))
      await consumer.run({ eachMessage: async () => {} })
      await joined
      const { message } = await failsWith(scene.start(), 'MR_GROUP_IN_USE')
      assert.match(message, /taken/)
    } finally {
      await consumer.disconnect()
      await scene.close()
    }
  })

  test('gives no tasks to one of the same id with another graph, which takes over when it has ended', async () => {
    await TransferScene.play(kafka, 'other-graph', {}, async (scene) => {
      const [first] = await scene.start(1)
      await scene.writer.write(1_000)
      await scene.committed()
      const other = scene.crew.start({ env: { VARIANT: 'other' } })
      const said = ({ event, error }: { event: string; error?: { code?: string } }) =>
        event === 'graph-differs' && error?.code === 'MR_GRAPH_DIFFERS'
      await other.job.line((line) => said(line))
      await first!.job.line((line) => said(line))
      await scene.whileWriting(() => sleep(2_000))
      await scene.committed()
      assert.equal(other.job.count('started'), 0)
      await scene.crew.stop(first!)
      await other.job.event('started')
      await scene.writer.write(1_000)
      await scene.finish()
    })
  })

  test('shows its members, partitions and lag to the tools for consumer groups', async () => {
    await TransferScene.play(kafka, 'described', {}, async (scene) => {
      await scene.start(3)
      await scene.writer.write(4_000)
      await scene.committed()
      const { stdout, stderr, exitCode } = await kafka.runTool('org.apache.kafka.tools.consumer.group.ConsumerGroupCommand', [
        '--bootstrap-server',
        kafka.bootstrap,
        '--describe',
        '--group',
        scene.name,
      ])
      assert.equal(exitCode, 0, stderr)
      const rows = stdout.split('\n').filter((line) => line.startsWith(scene.name))
      const shown = rows.map((row) => row.trim().split(/\s+/))
      // GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID
      assert.deepEqual(
        shown
          .map(([, topic, partition, current, end, lag]) => [
            topic,
            Number(partition),
            Number(current),
            Number(end),
            Number(lag),
          ])
          .sort(),
        [0, 1, 2, 3].map((partition) => [scene.inTopic, partition, 1_000, 1_000, 0]),
        stdout,
      )
      assert.ok(new Set(shown.map(([, , , , , , consumer]) => consumer)).size >= 2, stdout)
      await scene.finish()
    })
  })

  test('does not mind a wall clock that jumps', async () => {
    await TransferScene.play(kafka, 'clock', { program: 'itest/scale/jumping-clock-program.ts' }, async (scene) => {
      const clock = join(scene.folder, 'clock')
      writeFileSync(clock, '0')
      const copies = Array.from({ length: 2 }, () => scene.crew.start({ env: { CLOCK_FILE: clock } }))
      await scene.together(...copies)
      const epochs = copies.map(({ job }) => job.count('started'))
      await scene.whileWriting(async () => {
        for (const [i, hours] of [1, -2, 24 * 365, 0].entries()) {
          writeFileSync(clock, String(hours * 3_600_000))
          // First both, then one of them alone.
          for (const { job } of i < 2 ? copies : copies.slice(0, 1)) {
            const jumped = job.count('clock-jumped')
            process.kill(job.pid, 'SIGUSR2')
            await job.line(() => job.count('clock-jumped') > jumped)
          }
          const completed = copies[0]!.job.count('checkpoint-completed')
          await copies[0]!.job.line(() => copies[0]!.job.count('checkpoint-completed') > completed + 3, 10_000)
        }
      })
      assert.deepEqual(
        copies.map(({ job }) => job.count('started')),
        epochs,
        'nobody has lost his membership',
      )
      await scene.finish()
    })
  })
})
