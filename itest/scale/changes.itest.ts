/** Workers that come and go as they are told: a last checkpoint first, then the move, so nothing is processed twice. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { SHORT_SESSIONS, TransferScene } from './transfer-scene.ts'

describe('a change of workers', { concurrency: false }, () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka({ config: SHORT_SESSIONS })
  })
  after(() => kafka.close())

  for (const interval of ['300ms', '1m']) {
    test(`by SIGTERM, by a new copy, by a rolling restart replays nothing, with checkpoints each ${interval}`, async () => {
      const options = { 'checkpoint-interval': interval, 'checkpoint-timeout': '1m' }
      await TransferScene.play(kafka, `graceful-${interval}`, { options }, async (scene) => {
        const { crew } = scene
        const first = await scene.start(3)
        await scene.whileWriting(async () => {
          await sleep(1_000)
          await crew.stop(first[0]!)
          await scene.together(first[1]!, first[2]!)
          const fourth = crew.start()
          await scene.together(first[1]!, first[2]!, fourth)
          await sleep(500)
          for (const old of crew.running) {
            const next = crew.start()
            await scene.together(...crew.running)
            assert.ok(next.job.count('started') > 0)
            await crew.stop(old)
          }
        })
        if (interval === '300ms') await scene.committed()
        else await sleep(2_000)
        for (const member of crew.running) await crew.stop(member)
        await scene.committed()
        await scene.finish()
        const failures = crew.members.flatMap(({ job }) => job.lines.filter(({ event }) => event === 'epoch-failed'))
        assert.deepEqual(failures, [])
        const seen = crew.members.flatMap(({ job }) => job.lines.filter(({ event }) => event === 'seen'))
        const sum = (what: 'transfers' | 'updates') => seen.reduce((total, line) => total + Number(line[what]), 0)
        const { total } = scene.writer
        assert.deepEqual({ transfers: sum('transfers'), updates: sum('updates') }, { transfers: total, updates: total })
      })
    })
  }
})
