import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BroadcastChannel } from 'node:worker_threads'
import { systemClock } from '../common/clock.ts'
import { isMillraceError } from '../common/errors.ts'
import type { Config } from '../config/config.ts'
import { Secret } from '../config/secret.ts'
import type { RunningWorker } from '../runtime/worker.ts'
import { GatheredMetrics } from '../service/gathered-metrics.ts'
import { Health } from '../service/health.ts'
import { createLog } from '../service/logging.ts'
import { prometheusText } from '../service/prometheus-text.ts'
import { startWorkers } from './start-workers.ts'

interface Line {
  readonly event: string
  readonly worker?: number
  readonly error?: { readonly name: string; readonly message: string; readonly code?: string }
  readonly [field: string]: unknown
}

interface Scene {
  readonly workers: RunningWorker
  readonly metrics: GatheredMetrics
  readonly health: Health
  lines(event: string): Line[]
  /** What happens every so often. */
  tick(): void
  /** Resolves when there are so many. */
  until(event: string, count: number): Promise<Line[]>
}

/** Two workers, which do what the file's name says (thread.fixture.ts). */
function start(file: string, options: Partial<Config> = {}): Scene {
  const written: Line[] = []
  const log = createLog({ stream: { write: (text) => void written.push(JSON.parse(text)) }, format: 'json', level: 'info' })
  const metrics = new GatheredMetrics()
  const health = new Health('orders')
  const config = {
    appId: 'orders',
    workers: 2,
    logLevel: 'info',
    shutdownTimeoutMs: 0,
    sessionTimeoutMs: 10_000,
    kafkaSaslPassword: new Secret('hush'),
    ...options,
  } as unknown as Config
  const ticking: (() => void)[] = []
  const every = (_ms: number, run: () => void) => {
    ticking.push(run)
    return () => {}
  }
  const clock = { ...systemClock, every }
  const context = { clock, file, directory: '/', config, log, logger: log.logger, metrics, health }
  const workers = startWorkers(context, new URL('thread.fixture.ts', import.meta.url).href)
  const lines = (event: string) => written.filter((line) => line.event === event)
  return {
    workers,
    metrics,
    health,
    lines,
    tick() {
      for (const run of ticking) run()
    },
    async until(event, count) {
      while (lines(event).length < count) await new Promise((resolve) => setTimeout(resolve, 10))
      return lines(event)
    },
  }
}

test('threads get the configuration, log into one stream, and tell their health and metrics', async () => {
  const { workers, metrics, health, until } = start('work')
  assert.deepEqual(health.report().workers, ['starting', 'starting'])
  const atWork = await until('at work', 2)
  assert.deepEqual(atWork.map(({ worker }) => worker).sort(), [0, 1])
  for (const { app, password, revealed, level } of atWork) {
    assert.deepEqual([app, password, revealed, level], ['orders', '***', 4, 'info'])
  }
  const { state, workers: states, lastCheckpoint } = health.report()
  assert.deepEqual([state, states, lastCheckpoint?.checkpoint], ['running', ['running', 'running'], 7])
  const texts = await Promise.all([metrics.collect(), metrics.collect()])
  for (const families of texts) {
    const text = prometheusText(families)
    assert.match(text, /^records_total\{worker="0"\} 10$/m)
    assert.match(text, /^records_total\{worker="1"\} 11$/m)
    assert.match(text, /^nodejs_heap_size_used_bytes\{worker="1"\} \d+$/m)
  }
  workers.stop()
  assert.deepEqual(await workers.done, { ok: true })
  assert.equal(prometheusText(await metrics.collect()), '')
})

for (const [file, name, message, code] of [
  ['throw', 'TypeError', 'nobody catches this', undefined],
  ['exit', 'MillraceError', 'the thread of a worker ended with exit code 4, by process.exit()', 'MR_WORKER_EXITED'],
] as const) {
  test(`threads that end by ${file} are started anew`, async () => {
    const { workers, until, health } = start(file)
    for (const { error } of await until('worker-died', 2)) {
      assert.deepEqual([error?.name, error?.message, error?.code], [name, message, code])
    }
    assert.equal(health.report().state, 'starting')
    await until('at work', 3)
    workers.stop()
    assert.deepEqual(await workers.done, { ok: true })
  })
}

test('a thread that hears nothing holds up neither metrics nor, for ever, a stop', async () => {
  const { workers, until, metrics, lines } = start('loop')
  await until('at work', 2)
  assert.doesNotMatch(prometheusText(await metrics.collect()), /records_total/)
  workers.stop()
  assert.deepEqual(await workers.done, { ok: true })
  assert.equal(lines('worker-terminated').length, 2)
})

test('shares of memory follow the load from one thread to another, also to one that is started anew', async () => {
  const budget = { memoryBudget: 1200 * 2 ** 20, stateBackend: 'rocksdb' } as const
  const { workers, until, metrics, tick } = start('share', budget)
  const load = new BroadcastChannel('load')
  const shares = async () => {
    const text = prometheusText(await metrics.collect())
    return [0, 1].map((slot) => Number(new RegExp(`^cache_share_bytes\\{worker="${slot}"\\} (\\d+)$`, 'm').exec(text)?.[1]))
  }
  const moved = async (to: number) => {
    for (;;) {
      load.postMessage({ loaded: to, dies: -1 })
      tick()
      const now = await shares()
      if (now[to]! > 2 * now[1 - to]!) return
    }
  }
  await until('at work', 2)
  const [first, second] = await shares()
  assert.ok(first! > 50 * 2 ** 20 && first === second)
  await moved(0)
  await moved(1)
  load.postMessage({ loaded: 0, dies: 1 })
  await until('at work', 3)
  await moved(0)
  await moved(1)
  load.close()
  workers.stop()
  assert.deepEqual(await workers.done, { ok: true })
})

test('what ends a worker for good ends all, with its error', async () => {
  for (const [file, code] of [
    ['fail', 'MR_USER_CODE_FAILED'],
    ['missing', 'MR_JOB_FILE_NOT_FOUND'],
  ] as const) {
    const end = await start(file).workers.done
    assert.ok(!end.ok && isMillraceError(end.error, code))
    assert.ok(file === 'missing' || typeof end.error.details.slot === 'number')
  }
})
