import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, systemClock } from '../common/clock.ts'
import { MillraceError } from '../common/errors.ts'
import { type Logger, silentLogger } from '../common/logger.ts'
import { superviseWorkers, type ThreadEnd } from './supervisor.ts'

const STOP_TIMEOUT_MS = 28_000
const STALL_TIMEOUT_MS = 30_000

/** Threads by hand; time passes when `pass` says so. */
function scene(workers: number) {
  let nowMs = 0
  const sleepers = new Set<() => void>()
  const clock: Clock = {
    ...systemClock,
    monotonicMs: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const atMs = nowMs + ms
        const look = () => {
          if (!signal?.aborted && nowMs < atMs) return
          sleepers.delete(look)
          if (signal?.aborted) reject(signal.reason)
          else resolve()
        }
        sleepers.add(look)
        signal?.addEventListener('abort', look)
        look()
      }),
  }
  const logged: string[] = []
  const log = (event: string, fields?: Readonly<Record<string, unknown>>) => void logged.push(`${event} ${fields?.worker}`)
  const logger: Logger = { ...silentLogger, warn: log, error: log }
  const threads: { slot: number; asked: string[]; end: (end: ThreadEnd) => void; isOver: boolean; isSilent: boolean }[] = []
  const supervised = superviseWorkers({
    workers,
    clock,
    logger,
    stopTimeoutMs: STOP_TIMEOUT_MS,
    stallTimeoutMs: STALL_TIMEOUT_MS,
    start(slot) {
      const { promise, resolve } = Promise.withResolvers<ThreadEnd>()
      const end = (how: ThreadEnd) => {
        thread.isOver = true
        resolve(how)
      }
      const thread = { slot, asked: [] as string[], end, isOver: false, isSilent: false }
      threads.push(thread)
      return {
        ended: promise,
        stop: () => thread.asked.push('stop'),
        terminate: () => thread.asked.push('terminate'),
        answer: () => (thread.isSilent ? new Promise(() => {}) : Promise.resolve()),
      }
    },
  })
  const turns = async () => {
    for (let i = 0; i < 5; i++) await new Promise(setImmediate)
  }
  return {
    supervised,
    threads,
    logged,
    turns,
    async pass(ms: number) {
      nowMs += ms
      for (const look of [...sleepers]) look()
      await turns()
    },
    running: () => threads.filter(({ isOver }) => !isOver).map(({ slot }) => slot),
  }
}

test('a thread that dies is started anew in its slot, after a delay that grows, and the others go on', async () => {
  const { threads, running, pass, turns, logged, supervised } = scene(3)
  assert.deepEqual(running(), [0, 1, 2])
  for (const delayMs of [250, 500, 1_000]) {
    threads.findLast(({ slot }) => slot === 1)?.end({ died: new Error('out of memory') })
    await turns()
    await pass(delayMs - 1)
    assert.deepEqual(running(), [0, 2])
    await pass(1)
    assert.deepEqual(running(), [0, 2, 1])
  }
  assert.deepEqual(logged, ['worker-died 1', 'worker-died 1', 'worker-died 1'])
  assert.ok(threads.every(({ asked }) => asked.length === 0))
  supervised.stop()
  for (const thread of threads.filter(({ isOver }) => !isOver)) thread.end({ ok: true })
  assert.deepEqual(await supervised.done, { ok: true })
})

test('the delay has a limit, and begins anew behind a good run', async () => {
  const { threads, running, pass, turns } = scene(1)
  for (let i = 0; i < 12; i++) {
    threads.at(-1)?.end({ died: new Error('again') })
    await turns()
    await pass(30_000)
    assert.deepEqual(running(), [0])
  }
  await pass(60_000)
  threads.at(-1)?.end({ died: new Error('after a minute') })
  await turns()
  await pass(250)
  assert.deepEqual(running(), [0])
})

test('a stop asks every thread, and waits for all', async () => {
  const { threads, supervised, turns } = scene(2)
  supervised.stop()
  supervised.stop()
  assert.deepEqual(
    threads.map(({ asked }) => asked),
    [['stop'], ['stop']],
  )
  threads[0]?.end({ ok: true })
  await turns()
  assert.equal(await Promise.race([supervised.done, Promise.resolve('waits')]), 'waits')
  threads[1]?.end({ ok: true })
  assert.deepEqual(await supervised.done, { ok: true })
})

test('a thread that does not stop in time is terminated; one that dies in the stop is not started again', async () => {
  const { threads, supervised, pass, turns, logged, running } = scene(2)
  supervised.stop()
  threads[1]?.end({ died: new Error('in the middle') })
  await turns()
  await pass(STOP_TIMEOUT_MS - 1)
  assert.deepEqual(threads[0]?.asked, ['stop'])
  await pass(1)
  assert.deepEqual(threads[0]?.asked, ['stop', 'terminate'])
  threads[0]?.end({ died: new Error('terminated') })
  assert.deepEqual(await supervised.done, { ok: true })
  assert.deepEqual(running(), [])
  assert.deepEqual(logged, ['worker-died 1', 'worker-terminated 0', 'worker-died 0'])
})

test('a thread that hangs is terminated; one that was only slow is not, nor one that slept with its process', async () => {
  const { threads, pass, logged } = scene(2)
  await pass(STALL_TIMEOUT_MS)
  threads[1]!.isSilent = true
  await pass(5_000)
  // Stopped and continued: all that time is one look.
  await pass(1_000_000)
  for (let look = 0; look < 5; look++) {
    assert.deepEqual(threads[1]?.asked, [], `look ${look}`)
    await pass(5_000)
  }
  assert.deepEqual(
    threads.map(({ asked }) => asked),
    [[], ['terminate']],
  )
  assert.deepEqual(logged, ['worker-stalled 1'])
})

test('a stop does not wait for a delay', async () => {
  const { threads, supervised, turns } = scene(1)
  threads[0]?.end({ died: new Error('dead') })
  await turns()
  supervised.stop()
  assert.deepEqual(await supervised.done, { ok: true })
  assert.equal(threads.length, 1)
})

test('a worker that has failed stops the others, and its error is the end; what the others say of it is not', async () => {
  const { threads, supervised, turns } = scene(3)
  threads[0]?.end({ ok: false, error: new MillraceError('MR_JOB_FAILED', 'the job has failed elsewhere') })
  await turns()
  assert.deepEqual(
    threads.map(({ asked }) => asked),
    [[], ['stop'], ['stop']],
  )
  threads[1]?.end({ ok: true })
  const error = new MillraceError('MR_USER_CODE_FAILED', 'at record 7')
  threads[2]?.end({ ok: false, error })
  assert.deepEqual(await supervised.done, { ok: false, error })
})
