/** `millrace status` and `millrace rewind`, on a job that runs and on one that is stopped. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { JobStatus } from '../../src/cli/status/job-status.ts'
import { jobEnvironment } from '../support/job-environment.ts'
import { JobProcess } from '../support/job-process.ts'
import { temporaryFolder } from '../support/leftovers.ts'
import { readCommitted } from '../support/read-committed.ts'
import { type KafkaServer, startKafka } from '../support/servers.ts'
import { createTopic } from '../support/topics.ts'
import { TransferWriter } from './transfers.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const APP = 'rewound'

let kafka: KafkaServer
let folder: ReturnType<typeof temporaryFolder>
before(async () => {
  kafka = await startKafka()
  folder = temporaryFolder('rewind')
})
after(async () => {
  await kafka?.close()
  await folder?.remove()
})

function millrace(...args: string[]) {
  const flags = ['--conditions=millrace-source', MAIN, ...args, '--brokers', kafka.bootstrap]
  const { status, stdout, stderr } = spawnSync(process.execPath, flags, { encoding: 'utf8', env: jobEnvironment() })
  return { exitCode: status, stdout, stderr }
}

function status(): JobStatus {
  const { stdout, stderr } = millrace('status', APP)
  assert.equal(stderr, '')
  return JSON.parse(stdout)
}

test('a job goes back to a checkpoint that it has retained: at once when it runs, at its next start when not', async () => {
  const unknown = millrace('status', 'nobody')
  assert.equal(unknown.exitCode, 1)
  assert.match(unknown.stderr, /MR_CONTROL_LOG_NOT_FOUND: there is no topic nobody\.control/)

  for (const topic of ['in', 'out']) await createTopic(kafka, topic, { partitions: 2 })
  const writer = await TransferWriter.open(kafka.bootstrap, 'in', 100)
  const start = () =>
    new JobProcess({
      job: 'itest/scale/jobs/rekey.job.ts',
      options: {
        'app-id': APP,
        brokers: kafka.bootstrap,
        checkpoints: `file://${folder.path}/checkpoints`,
        'state-directory': `${folder.path}/state`,
        'checkpoint-interval': '1s',
        // The one that is chosen must be there yet when the next command has started.
        'checkpoints-retained': 100,
        workers: 2,
      },
    })
  let job = start()
  try {
    await writer.write(1_000)
    await job.line(({ event, checkpoint }) => event === 'checkpoint-completed' && checkpoint === 2)
    const running = status()
    assert.equal(running.phase, 'running')
    assert.equal(running.workers.length, 2)
    assert.deepEqual(running.workers.flatMap(({ tasks }) => tasks).sort(), [
      'totals-by-key/0',
      'totals-by-key/1',
      'transfers/0',
      'transfers/1',
    ])
    assert.deepEqual(running.failures, [])

    const refused = millrace('rewind', APP, '--to-checkpoint', '999')
    assert.equal(refused.exitCode, 1)
    assert.match(refused.stderr, /MR_CLI_NOT_RETAINED: rewound can't go back to checkpoint 999: it has \d/)

    const target = running.retained.at(-1)
    assert.ok(target !== undefined)
    const begun = job.lines.length
    const rewound = millrace('rewind', APP, '--to-checkpoint', String(target))
    assert.equal(rewound.stderr, '')
    assert.match(rewound.stdout, new RegExp(`^rewound goes on from checkpoint ${target}`))
    const startedAt = (checkpoint: number) =>
      job.lines.slice(begun).filter((line) => line.event === 'started' && line.checkpoint === checkpoint)
    await job.line(() => startedAt(target).length === 2)
    assert.deepEqual(await job.kill('SIGTERM'), { exitCode: 0, signal: null }, job.tail())

    const stopped = status()
    assert.equal(stopped.phase, 'stopped')
    assert.equal(millrace('rewind', APP, '--to-checkpoint', String(target)).exitCode, 0)
    assert.equal(status().restorePoint?.checkpoint, target)
    job = start()
    await job.line((line) => line.event === 'started' && line.checkpoint === target)
    assert.equal((await job.kill('SIGTERM')).exitCode, 0)
    assert.ok((await readCommitted(kafka, 'out')).length >= 1_000)
  } finally {
    writer.close()
    if (!job.hasEnded) await job.kill()
  }
})
