/**
 * Checkpoint files that are damaged, missing or from the future. The job says what is wrong and goes no further; with the
 * right file in its place again it goes on, and nothing is lost: not even what a restore had begun with is in its way.
 */
import assert from 'node:assert/strict'
import { renameSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { millrace } from '../support/millrace.ts'
import { type KafkaServer, type S3Server, startKafka, startS3 } from '../support/servers.ts'
import { appendRecords } from './append-records.ts'
import { failsWith } from './failure.ts'
import { inS3 } from './in-s3.ts'
import { Scene } from './scene.ts'
import { lastCheckpoint, NEWER_VERSION, patch, type StoredCheckpoint, storedAsNewerVersion } from './stored-checkpoint.ts'

const PART = 3_000

interface Damage {
  readonly name: string
  readonly code: string
  /** What the message names besides the file. */
  readonly saying: RegExp
  /** Does it and returns the damaged file and how to put it right. */
  readonly inflict: (checkpoint: StoredCheckpoint) => { readonly path: string; readonly repair: () => void }
}

const DAMAGES: readonly Damage[] = [
  {
    name: 'changed metadata',
    code: 'MR_CHECKPOINT_CORRUPT',
    saying: /has SHA-256 [0-9a-f]{64}, the control log says [0-9a-f]{64}/,
    inflict: (checkpoint) => patch(checkpoint, checkpoint.path, 100, (byte) => byte ^ 1),
  },
  {
    name: 'missing metadata',
    code: 'MR_STORAGE_NOT_FOUND',
    saying: /is not in|cannot read/,
    inflict: (checkpoint) => moveAway(checkpoint, checkpoint.path),
  },
  {
    name: 'a flipped byte in a segment',
    code: 'MR_SEGMENT_CORRUPT',
    saying: /expected checksum [0-9a-f]{8}, found [0-9a-f]{8}/,
    inflict: (checkpoint) => {
      const { path, offset, bytes } = checkpoint.slice
      return patch(checkpoint, path, offset + bytes - 10, (byte) => byte ^ 1)
    },
  },
  {
    name: 'a segment that is cut off',
    code: 'MR_SEGMENT_CORRUPT',
    saying: /bytes where \d+ are needed/,
    inflict: (checkpoint) => {
      const { path, offset, bytes } = checkpoint.slice
      const repair = checkpoint.keep(path)
      truncateSync(join(checkpoint.root, path), offset + bytes - 10)
      return { path, repair }
    },
  },
  {
    name: 'a segment of an unknown version',
    code: 'MR_SEGMENT_UNKNOWN_VERSION',
    saying: /format version 2; this Millrace reads version 1/,
    // The version is a 16-bit number behind the magic of the slice (docs/formats.md).
    inflict: (checkpoint) => patch(checkpoint, checkpoint.slice.path, checkpoint.slice.offset + 5, () => 2),
  },
  {
    name: 'a missing segment',
    code: 'MR_STORAGE_NOT_FOUND',
    saying: /is not in|cannot read/,
    inflict: (checkpoint) => moveAway(checkpoint, checkpoint.slice.path),
  },
]

async function appendToControlLog({ client, name }: Scene, decisions: readonly object[]): Promise<void> {
  const records = decisions.map((decision) => ({ key: null, value: JSON.stringify(decision) }))
  await appendRecords(client, `${name}.control`, 0, records)
}

function moveAway({ root }: StoredCheckpoint, path: string) {
  const file = join(root, path)
  renameSync(file, `${file}.away`)
  return { path, repair: () => renameSync(`${file}.away`, file) }
}

describe('a damaged checkpoint', { concurrency: false }, () => {
  let kafka: KafkaServer
  let s3: S3Server
  before(async () => {
    kafka = await startKafka()
    s3 = await startS3()
  })
  after(async () => {
    await s3.close()
    await kafka.close()
  })

  /** One application lives through all damages; at the end its output shows that none has cost it anything. */
  async function play(context: TestContext, scene: Scene, root: string, damages: readonly Damage[]): Promise<void> {
    try {
      const first = scene.start()
      await scene.write(PART)
      await scene.committed(first)
      await first.kill('SIGTERM')
      for (const { name, code, saying, inflict } of damages) {
        await context.test(`${name} is refused with ${code}`, async () => {
          const { path, repair } = inflict(lastCheckpoint(root, first))
          try {
            rmSync(scene.stateDirectory, { recursive: true, force: true })
            const { message } = await failsWith(scene.start(), code)
            assert.ok(message.includes(path), message)
            assert.match(message, saying)
          } finally {
            repair()
          }
        })
      }
      // What the last refused start had restored by then is still there.
      await scene.write(PART)
      await scene.finish(scene.start())
    } finally {
      await scene.close()
    }
  }

  test('in a folder: with the right file in its place again nothing is lost', async (context) => {
    const scene = await Scene.open(kafka, { name: 'damaged' })
    await play(context, scene, scene.checkpoints, DAMAGES)
  })

  test('in S3: with the right object in its place again nothing is lost', async (context) => {
    if (s3.dataDir === undefined) return context.skip('the objects of this S3 server are no files')
    const scene = await Scene.open(kafka, inS3(s3, { name: 'damaged-s3' }))
    const damages = DAMAGES.filter(({ name }) => /segment/.test(name))
    await play(context, scene, join(s3.dataDir, s3.bucket, 'checkpoints'), damages)
  })

  for (const [what, pathOf] of [
    ['metadata', ({ path }: StoredCheckpoint) => path],
    ['a segment', ({ slice }: StoredCheckpoint) => slice.path],
  ] as const) {
    test(`that has lost ${what} is never replaced by an older one but by the command that the error names`, async () => {
      const scene = await Scene.open(kafka, { name: `going-back-${what === 'metadata' ? 'metadata' : 'segment'}` })
      try {
        const first = scene.start()
        for (let part = 0; part < 3; part++) {
          await scene.write(PART)
          await scene.committed(first)
        }
        await first.kill('SIGKILL')
        const last = lastCheckpoint(scene.checkpoints, first)
        moveAway(last, pathOf(last))
        rmSync(scene.stateDirectory, { recursive: true, force: true })
        const { message, remedy } = await failsWith(scene.start(), 'MR_STORAGE_NOT_FOUND')
        assert.match(
          message,
          /the newest older checkpoint that is whole is \d+ of \S+: \d+ completed checkpoints, \d+\.\d s back/,
        )
        const command = /millrace (rewind going-back-\w+ --to-checkpoint \d+)$/.exec(remedy)?.[1]
        assert.ok(command !== undefined, remedy)
        await failsWith(scene.start(), 'MR_STORAGE_NOT_FOUND')

        const said = await millrace([...command.split(' '), '--brokers', kafka.bootstrap])
        assert.match(said, /goes on from checkpoint \d+; given up: /)
        const next = scene.start()
        await scene.write(PART)
        await scene.committed(next)
        assert.deepEqual(await next.kill('SIGTERM'), { exitCode: 0, signal: null }, next.tail())
        // What was committed behind the older checkpoint comes a second time, as it was told.
        const { missing, wrong } = await scene.verdict()
        assert.deepEqual({ missing, wrong }, { missing: 0, wrong: 0 })
      } finally {
        await scene.close()
      }
    })
  }

  test('that a newer release completed is refused with MR_CHECKPOINT_UNKNOWN_VERSION', async () => {
    const scene = await Scene.open(kafka, { name: 'newer-metadata' })
    try {
      const first = scene.start()
      await scene.write(PART)
      await scene.committed(first)
      await first.kill('SIGTERM')
      const newer = storedAsNewerVersion(lastCheckpoint(scene.checkpoints, first))
      await appendToControlLog(scene, [
        { v: 1, type: 'checkpoint-triggered', epoch: newer.epoch, checkpoint: newer.checkpoint, kind: 'periodic' },
        { v: 1, type: 'checkpoint-completed', ...newer },
      ])
      const { message } = await failsWith(scene.start(), 'MR_CHECKPOINT_UNKNOWN_VERSION')
      assert.ok(message.includes(newer.path), message)
      assert.ok(message.includes(`format version ${NEWER_VERSION}; this release reads versions 1 and`), message)
    } finally {
      await scene.close()
    }
  })

  test('a decision that only a newer release understands is refused with MR_CONTROL_LOG_UNKNOWN_RECORD', async () => {
    const scene = await Scene.open(kafka, { name: 'newer-decision' })
    try {
      const first = scene.start()
      await scene.write(PART)
      await scene.committed(first)
      await first.kill('SIGTERM')
      await appendToControlLog(scene, [{ v: 1, type: 'checkpoint-admired', epoch: 0, checkpoint: 1 }])
      const { message } = await failsWith(scene.start(), 'MR_CONTROL_LOG_UNKNOWN_RECORD')
      assert.match(message, /checkpoint-admired/)
    } finally {
      await scene.close()
    }
  })
})
