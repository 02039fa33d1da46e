/** Restart strategies, as copies of a job in processes of their own carry them out; and how all of them end when one gives up. */
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { lastLineOf } from '../faults/failure.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import type { Member } from './crew.ts'
import { SHORT_SESSIONS, TransferScene } from './transfer-scene.ts'

describe('a job whose code throws', { concurrency: false }, () => {
  let kafka: KafkaServer
  before(async () => {
    kafka = await startKafka({ config: SHORT_SESSIONS })
  })
  after(() => kafka.close())

  type Options = Readonly<Record<string, string | number>>

  /** Three copies that have committed something, and what makes their code throw, and work again. */
  async function play(
    name: string,
    options: Options,
    act: (scene: TransferScene, copies: readonly Member[], fault: { begin(): void; end(): void }) => Promise<void>,
  ): Promise<void> {
    const failFile = (scene: TransferScene) => join(scene.folder, 'fail')
    await TransferScene.play(kafka, name, { options }, async (scene) => {
      const copies = Array.from({ length: 3 }, () => scene.crew.start({ env: { FAIL_FILE: failFile(scene) } }))
      await scene.together(...copies)
      await scene.writer.write(500)
      await scene.committed()
      await act(scene, copies, {
        begin: () => writeFileSync(failFile(scene), ''),
        end: () => rmSync(failFile(scene)),
      })
    })
  }

  /** All copies end with exit code 1, and the last line of each tells the cause. Delays of the restarts tried before. */
  async function allFail(scene: TransferScene, copies: readonly Member[], begin: () => void): Promise<number[]> {
    for (const copy of copies) copy.state = 'expected to fail'
    begin()
    await scene.writer.write(500)
    for (const { job } of copies) {
      const { code, message } = await lastLineOf(job)
      assert.ok(['MR_USER_CODE_FAILED', 'MR_JOB_FAILED'].includes(code), code)
      assert.match(message, /the bank is closed/)
      const last = job.lines.filter(({ event }) => event !== 'seen').at(-1)
      assert.equal(last?.event, 'job-failed', job.tail())
    }
    const restarts = copies.flatMap(({ job }) => job.lines.filter(({ event }) => event === 'restarting'))
    return restarts.sort((a, b) => Number(a.failures) - Number(b.failures)).map(({ delayMs }) => Number(delayMs))
  }

  /** What it left undone is done by copies that are started when the cause is mended. */
  async function goesOn(scene: TransferScene, end: () => void): Promise<void> {
    end()
    await scene.start(2)
    await scene.writer.write(500)
    await scene.finish()
  }

  test('ends at once with the strategy none, on every copy; copies started later go on', async () => {
    await play('none', { 'restart-strategy': 'none' }, async (scene, copies, fault) => {
      assert.deepEqual(await allFail(scene, copies, fault.begin), [])
      await goesOn(scene, fault.end)
    })
  })

  test('is restarted after a fixed delay, so many times in a row', async () => {
    const options = { 'restart-strategy': 'fixed-delay', 'restart-delay': '200ms', 'restart-attempts': 2 }
    await play('fixed', options, async (scene, copies, fault) => {
      assert.deepEqual(await allFail(scene, copies, fault.begin), [200, 200])
      await goesOn(scene, fault.end)
    })
  })

  test('is restarted after delays that double up to a limit', async () => {
    const options = {
      'restart-strategy': 'exponential-delay',
      'restart-delay': '100ms',
      'restart-max-delay': '400ms',
      'restart-attempts': 4,
    }
    await play('exponential', options, async (scene, copies, fault) => {
      const delays = await allFail(scene, copies, fault.begin)
      const wanted = [100, 200, 400, 400]
      assert.equal(delays.length, wanted.length, `${delays}`)
      for (const [i, delayMs] of delays.entries()) {
        assert.ok(Math.abs(delayMs - wanted[i]!) <= 0.1 * wanted[i]! + 1, `${delays} are about ${wanted}`)
      }
      await goesOn(scene, fault.end)
    })
  })

  test('is restarted until it has failed too often within a time', async () => {
    const options = {
      'restart-strategy': 'failure-rate',
      'restart-delay': '100ms',
      'restart-attempts': 3,
      'restart-interval': '5m',
    }
    await play('rate', options, async (scene, copies, fault) => {
      assert.deepEqual(await allFail(scene, copies, fault.begin), [100, 100, 100])
      await goesOn(scene, fault.end)
    })
  })

  test('goes on by itself when its code works again, with nothing lost or doubled', async () => {
    const options = { 'restart-strategy': 'fixed-delay', 'restart-delay': '200ms', 'restart-attempts': 1000 }
    await play('mended', options, async (scene, copies, fault) => {
      fault.begin()
      await scene.whileWriting(async () => {
        const restarts = () => copies.reduce((sum, { job }) => sum + job.count('restarting'), 0)
        while (restarts() < 3) await copies[0]!.job.moved(100)
        fault.end()
      })
      await scene.finish()
    })
  })
})
