import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { DemoResult } from '../../scripts/demo/run-demo.ts'
import { kafkaClient } from '../support/kafka-ready.ts'
import { temporaryFolder } from '../support/leftovers.ts'
import { mustRun } from '../support/run-command.ts'
import { type KafkaServer, provider, startKafka } from '../support/servers.ts'

const DEMO = fileURLToPath(new URL('../../scripts/demo/demo.ts', import.meta.url))
const NO_DOCKER = { DOCKER_HOST: 'unix:///nowhere/docker.sock' }
const NO_JAVA = { JAVA_HOME: '/nowhere' }

let temporary: ReturnType<typeof temporaryFolder>

class Demo {
  readonly child: ChildProcess
  stdout = ''
  stderr = ''

  constructor(env: Readonly<Record<string, string>>) {
    this.child = spawn(process.execPath, [DEMO, '--json'], {
      env: { ...process.env, KAFKA_BROKERS: '', TMPDIR: temporary.path, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stdout?.on('data', (chunk) => (this.stdout += chunk))
    this.child.stderr?.on('data', (chunk) => (this.stderr += chunk))
  }

  async tells(text: string): Promise<void> {
    while (!this.stderr.includes(text)) {
      assert.equal(this.child.exitCode, null, `the demo ended before it told "${text}":\n${this.stderr}`)
      await sleep(20)
    }
  }

  async endsWith(expectedCode: number): Promise<void> {
    const [code] = await once(this.child, 'close')
    assert.equal(code, expectedCode, this.stdout + this.stderr)
  }

  async result(expectedCode: number): Promise<DemoResult & { error?: string }> {
    await this.endsWith(expectedCode)
    return JSON.parse(this.stdout)
  }
}

/** Whatever a demo makes lies in, or has in its arguments, its temporary folder. */
async function assertNothingIsLeft(): Promise<void> {
  const leftovers = async () => {
    const { stdout } = await mustRun('ps', ['-A', '-o', 'args'])
    return [...readdirSync(temporary.path), ...stdout.split('\n').filter((args) => args.includes(temporary.path))]
  }
  // The watchdog of an interrupted demo works for a moment after its end.
  for (let waits = 0; (await leftovers()).length > 0 && waits < 50; waits++) await sleep(100)
  assert.deepEqual(await leftovers(), [])
}

describe('the demo', () => {
  beforeEach(() => {
    temporary = temporaryFolder('demo-test')
  })

  test('starts a broker, counts every flight once through a SIGKILL, and leaves nothing', async () => {
    const env: Record<string, string> = provider() === 'native' ? NO_DOCKER : {}
    const { ok, broker, recordsIn, updatesOut, airports, reader, restored, killedAt } = await new Demo(env).result(0)
    assert.equal(ok, true)
    assert.equal(broker.kind, provider() === 'native' ? 'java' : 'docker')
    assert.match(reader, /^Kafka's /)
    assert.deepEqual({ recordsIn, updatesOut, airports }, { recordsIn: 20_000, updatesOut: 20_000, airports: 220 })
    assert.ok(killedAt.committed >= 10_000 && killedAt.committed < 20_000, `killed midway, at ${killedAt.committed}`)
    assert.ok(restored.checkpoint >= 1)
    await assertNothingIsLeft()
    await temporary.remove()
  })

  test('says what to install where there is no broker', async () => {
    const { ok, error } = await new Demo({ ...NO_DOCKER, ...NO_JAVA }).result(1)
    assert.equal(ok, false)
    assert.match(error ?? '', /no Docker engine answers.*Java was not found.*apt-get install openjdk-17-jdk-headless/s)
    await temporary.remove()
  })

  test('takes no other broker than the one it is given', async () => {
    const { error } = await new Demo({ KAFKA_BROKERS: '127.0.0.1:1' }).result(1)
    assert.match(error ?? '', /No broker of KAFKA_BROKERS=127.0.0.1:1 answers/)
    await temporary.remove()
  })

  describe('on a broker that others use too', () => {
    let kafka: KafkaServer
    before(async () => {
      kafka = await startKafka()
    })
    after(() => kafka.close())

    async function assertNoTraces(): Promise<void> {
      const admin = kafkaClient(kafka.bootstrap, { retries: 5 }).admin()
      await admin.connect()
      const topics = (await admin.listTopics()).filter((topic) => !topic.startsWith('__'))
      const { groups } = await admin.listGroups()
      await admin.disconnect()
      assert.deepEqual({ topics, groups }, { topics: [], groups: [] })
    }

    test('removes its topics and its group; without Java it says that it reads the output itself', async () => {
      const demo = new Demo({ ...NO_DOCKER, ...NO_JAVA, KAFKA_BROKERS: `127.0.0.1:1, ${kafka.bootstrap}` })
      const { ok, broker, reader } = await demo.result(0)
      assert.deepEqual({ ok, broker }, { ok: true, broker: { bootstrap: kafka.bootstrap, kind: 'given' } })
      assert.match(reader, /Millrace's own fetcher/)
      assert.match(demo.stderr, /the output will be read by Millrace's own fetcher/)
      await assertNoTraces()
      await assertNothingIsLeft()
      await temporary.remove()
    })

    for (const moment of ['starting the job', 'checkpoint 1 completed', 'starting the job again']) {
      test(`leaves nothing when it is interrupted at "${moment}"`, async () => {
        const demo = new Demo({ KAFKA_BROKERS: kafka.bootstrap })
        await demo.tells(moment)
        demo.child.kill('SIGINT')
        await demo.endsWith(130)
        await assertNoTraces()
        await assertNothingIsLeft()
        await temporary.remove()
      })
    }
  })
})
