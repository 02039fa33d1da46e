/**
 * Faults between a job and its S3: what passes is sat out, what doesn't is told with its remedy; nothing is lost, and
 * nothing that came over in part is ever taken for the whole.
 */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { failsWith } from '../faults/failure.ts'
import { inS3 } from '../faults/in-s3.ts'
import { Scene, type SceneOptions } from '../faults/scene.ts'
import type { JobProcess } from '../support/job-process.ts'
import { type S3Fault, S3Proxy } from '../support/s3-proxy.ts'
import { type KafkaServer, type S3Server, startKafka, startS3 } from '../support/servers.ts'
import { checkpointHistory } from './checkpoint-history.ts'

const PART = 1_000
/** How long each passing fault lasts, and how many requests it must have met by then. */
const FAULT_MS = 2_000
const LEAST_HITS = 3
/** At one request, of a store that refuses everything: attempts are paced. With pauses there are some eight, without them a hundred. */
const MOST_ATTEMPTS = 30
/** For what hangs: the first attempt waits 5 s for an answer, and the silent connection would be given up after 20 s. */
const HANG_ENDS_MS = 15_000

const PASSING: Readonly<Record<string, S3Fault>> = {
  'internal errors': { kind: 'refuse', status: 500, code: 'InternalError', message: 'We encountered an internal error.' },
  'one internal error in three': { kind: 'refuse', oneIn: 3, status: 500, code: 'InternalError', message: 'Please try again.' },
  'throttling (503 SlowDown)': { kind: 'refuse', status: 503, code: 'SlowDown', message: 'Please reduce your request rate.' },
  'slow answers': { kind: 'delay', ms: 400 },
  'dropped connections': { kind: 'drop' },
  'uploads cut off midway': { kind: 'cut-request', oneIn: 2 },
  'answers cut off midway': { kind: 'cut-answer' },
  'lost answers': { kind: 'lose-answer', oneIn: 2 },
  'no answer at all': { kind: 'hang', oneIn: 4 },
  'an answer that is no XML': {
    kind: 'refuse',
    status: 502,
    code: 'Bad Gateway',
    message: '<!DOCTYPE html><html><body>Bad Gateway</body>',
    headers: { 'content-type': 'text/html' },
  },
}

interface LastingFault {
  readonly fault: S3Fault
  /** Of the start that meets it. */
  readonly code: string
  readonly remedy: RegExp
}

const LASTING: Readonly<Record<string, LastingFault>> = {
  denied: {
    fault: { kind: 'refuse', status: 403, code: 'AccessDenied', message: 'Access Denied' },
    code: 'MR_STORAGE_DENIED',
    remedy: /Allow s3:\w+ on the bucket/,
  },
  region: {
    fault: {
      kind: 'refuse',
      status: 301,
      code: 'PermanentRedirect',
      message: 'The bucket you are attempting to access must be addressed using the specified endpoint.',
      headers: { 'x-amz-bucket-region': 'eu-central-1' },
      xml: '<Endpoint>millrace.s3.eu-central-1.amazonaws.com</Endpoint>',
    },
    code: 'MR_STORAGE_WRONG_REGION',
    remedy: /--s3-region eu-central-1/,
  },
  expired: {
    fault: { kind: 'refuse', status: 400, code: 'ExpiredToken', message: 'The provided token has expired.' },
    code: 'MR_STORAGE_CREDENTIALS',
    remedy: /renew them/,
  },
}

describe('faults between a job and S3', { concurrency: false }, () => {
  let kafka: KafkaServer
  let s3: S3Server
  let proxy: S3Proxy
  before(async () => {
    kafka = await startKafka()
    s3 = await startS3()
    proxy = await S3Proxy.open(s3.endpoint)
  })
  after(async () => {
    await proxy.close()
    await s3.close()
    await kafka.close()
  })

  const open = (options: SceneOptions) =>
    Scene.open(kafka, inS3(s3, { ...options, options: { 's3-endpoint': proxy.endpoint, ...options.options } }))

  /** Records come all the while. */
  async function suffer(scene: Scene, job: JobProcess, fault: S3Fault): Promise<void> {
    proxy.inflict(fault)
    const untilMs = performance.now() + FAULT_MS
    // Whoever hangs comes to nothing else.
    const leastHits = fault.kind === 'hang' ? 1 : LEAST_HITS
    const patienceEndsMs = performance.now() + 30_000
    while (performance.now() < untilMs || proxy.hits < leastHits) {
      assert.ok(performance.now() < patienceEndsMs, `${proxy.hits} requests have met the fault:\n${job.tail()}`)
      await scene.write(50)
      await sleep(50)
    }
    const isPaced = fault.kind !== 'refuse' || fault.oneIn !== undefined || proxy.mostAttempts < MOST_ATTEMPTS
    assert.ok(isPaced, `${proxy.mostAttempts} attempts at one request were made of a store that refuses it`)
    proxy.inflict(undefined)
  }

  test('that pass are sat out: no checkpoint fails, and the output is exact', { timeout: 240_000 }, async (context) => {
    const scene = await open({ name: 's3-passing' })
    try {
      let job = scene.start()
      await scene.write(PART)
      await scene.committed(job)
      for (const [name, fault] of Object.entries(PASSING)) {
        await context.test(name, async () => {
          await suffer(scene, job, fault)
          await scene.committed(job, fault.kind === 'hang' ? HANG_ENDS_MS : undefined)
          assert.equal(job.count('checkpoint-aborted'), 0, job.tail())
          assert.equal(job.count('restarting'), 0, job.tail())
        })
      }
      for (const fault of ['internal errors', 'answers cut off midway', 'slow answers']) {
        await context.test(`${fault}, while the state is restored`, async () => {
          await job.kill()
          rmSync(scene.stateDirectory, { recursive: true, force: true })
          const some = { ...PASSING[fault], oneIn: 2 } as S3Fault
          proxy.inflict(some)
          job = scene.start()
          await scene.write(PART)
          const { tasksFromLocal, fetchedBytes } = await job.event('restored')
          assert.ok(tasksFromLocal === 0 && Number(fetchedBytes) > 0, job.tail())
          assert.ok(proxy.hits > 2)
          proxy.inflict(undefined)
          await scene.committed(job)
        })
      }
      await scene.finish(job)
    } finally {
      proxy.inflict(undefined)
      await scene.close()
    }
  })

  test('that outlast the checkpoint timeout are told by history, and what was held is carried on', async () => {
    const options = { 'checkpoint-timeout': '1s', 'checkpoint-tolerable-failures': 40, 'transaction-slots': 42 }
    const scene = await open({ name: 's3-timeout', options })
    try {
      const job = scene.start()
      await scene.write(PART)
      await scene.committed(job)
      proxy.inflict({ kind: 'delay', ms: 1_500, methods: ['PUT'] })
      await scene.write(PART)
      await job.event('checkpoint-aborted')
      proxy.inflict(undefined)
      await scene.finish(job)
      const [aborted] = (await checkpointHistory(scene)).filter(({ outcome }) => outcome === 'aborted')
      assert.equal(aborted?.reason, 'timeout')
      assert.match(aborted?.cause ?? '', /^no ack of \S+$/)
    } finally {
      proxy.inflict(undefined)
      await scene.close()
    }
  })

  for (const [name, { fault, code, remedy }] of Object.entries(LASTING)) {
    test(`that last (${name}) end the job with ${code} and its remedy; the next start loses nothing`, async () => {
      const scene = await open({
        name: `s3-${name}`,
        options: { 'checkpoint-tolerable-failures': 1, 'restart-strategy': 'none' },
      })
      try {
        const job = scene.start()
        await scene.write(PART)
        await scene.committed(job)
        proxy.inflict(fault)
        await scene.write(PART)
        const failed = await failsWith(job, 'MR_CHECKPOINTS_FAILING')
        assert.match(
          failed.message,
          /2 checkpoints in a row have failed; 1 are tolerated; checkpoint \d+: (storage-denied|metadata-not-written): /,
        )
        assert.match(failed.remedy, remedy)
        const aborted = (await checkpointHistory(scene)).filter(({ outcome }) => outcome === 'aborted')
        assert.equal(aborted.length, 2)
        for (const { reason, cause } of aborted) {
          // Whichever of its files was written first behind the fault.
          assert.ok(reason === 'storage-denied' || reason === 'metadata-not-written', reason ?? '')
          assert.match(cause ?? '', /cannot write .*\.(seg|json) in s3/)
        }

        const refused = await failsWith(scene.start(), code)
        assert.match(refused.remedy, remedy)
        proxy.inflict(undefined)
        await scene.write(PART)
        await scene.finish(scene.start())
      } finally {
        proxy.inflict(undefined)
        await scene.close()
      }
    })
  }

  test('that last for a while are outlived by the restart strategy', async () => {
    const options = { 'checkpoint-tolerable-failures': 2, 'restart-delay': '100ms' }
    const scene = await open({ name: 's3-expired-for-a-while', options })
    try {
      const job = scene.start()
      await scene.write(PART)
      await scene.committed(job)
      proxy.inflict({ ...(LASTING.expired as LastingFault).fault, methods: ['PUT'] })
      await scene.write(PART)
      await job.event('epoch-failed')
      proxy.inflict(undefined)
      await scene.finish(job)
      assert.equal(job.count('checkpoint-aborted'), 3, job.tail())
    } finally {
      proxy.inflict(undefined)
      await scene.close()
    }
  })
})
