import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CheckpointMetadata, encodeMetadata, METADATA_FORMAT, sha256Hex } from '../../checkpoint/metadata.ts'
import type { PastCheckpoint } from '../../checkpoint/protocol/checkpoint-history.ts'
import type { RestorePoint } from '../../checkpoint/protocol/control-records.ts'
import { LogView } from '../../checkpoint/protocol/log-view.ts'
import { MillraceError } from '../../common/errors.ts'
import { MemoryStorage } from '../../testing/memory-storage.ts'
import { explainUnreadable } from './unreadable-checkpoint.ts'

const segmentOf = (checkpoint: number) => `app/segments/${checkpoint}.seg`

/** Checkpoints 1 to 4, each with a segment of its own and that of checkpoint 1; 4 is the restore point. */
async function scene() {
  const storage = new MemoryStorage()
  const view = new LogView()
  for (let checkpoint = 1; checkpoint <= 4; checkpoint++) {
    await storage.put(segmentOf(checkpoint), [Buffer.from(`state ${checkpoint}`)])
    const segments = [...new Set([1, checkpoint])].map((since) => {
      const bytes = Buffer.from(`state ${since}`)
      return { path: segmentOf(since), bytes: bytes.length, sha256: sha256Hex(bytes), since }
    })
    const completedAt = `2026-11-05T12:00:0${checkpoint}.000Z`
    const metadata = { format: METADATA_FORMAT, version: 1, checkpoint, completedAt, segments, chains: {} }
    const { bytes, sha256 } = encodeMetadata(metadata as unknown as CheckpointMetadata)
    const point: RestorePoint = { checkpoint, epoch: 0, path: `app/checkpoints/${checkpoint}`, sha256 }
    await storage.put(point.path, [bytes])
    view.retained.push(point)
    view.lineage.push(point)
    view.history.push({ checkpoint, outcome: 'completed', decidedAt: completedAt } as PastCheckpoint)
    view.restorePoint = point
  }
  return { storage, view, applicationId: 'app' }
}

const damaged = (checkpoint: number) => new MillraceError('MR_SEGMENT_CORRUPT', `${segmentOf(checkpoint)} is damaged`)

async function explained(parts: Awaited<ReturnType<typeof scene>>, error = damaged(4)): Promise<MillraceError> {
  const result = await explainUnreadable(error, parts)
  assert.ok(result instanceof MillraceError)
  return result
}

test('the newest older checkpoint that is whole is named, with what going back costs and the command', async () => {
  const { code, message, remedy, details } = await explained(await scene())
  assert.equal(code, 'MR_SEGMENT_CORRUPT')
  assert.equal(
    message,
    'checkpoint 4 cannot be restored: app/segments/4.seg is damaged; the newest older checkpoint that is whole is 3 of 2026-11-05T12:00:03.000Z: 1 completed checkpoints, 1.0 s back',
  )
  assert.match(remedy, /millrace rewind app --to-checkpoint 3$/)
  assert.deepEqual(details, { restorePoint: 4, fallbackCheckpoint: 3 })
})

test('older ones are passed over that lack a file, have a damaged one, or need the one that is damaged', async () => {
  const parts = await scene()
  await parts.storage.delete([segmentOf(3)])
  parts.storage.files.set(segmentOf(2), Buffer.from('state X'))
  const { message, details } = await explained(parts)
  assert.match(message, /is 1 of 2026-11-05T12:00:01.000Z: 3 completed checkpoints, 3.0 s back$/)
  assert.equal(details.fallbackCheckpoint, 1)
  const none = await explained(parts, damaged(1))
  assert.match(none.message, /; none of the older ones that are retained is whole either: 3, 2, 1$/)
  assert.doesNotMatch(none.remedy, /rewind/)
})

test('without an older one it says so', async () => {
  const parts = await scene()
  parts.view.retained = parts.view.retained.slice(-1)
  assert.match((await explained(parts)).message, /; no older checkpoint is retained$/)
})

test('it is said once, and other errors stay as they are', async () => {
  const parts = await scene()
  const once = await explained(parts)
  assert.equal(await explainUnreadable(once, parts), once)
  const other = new MillraceError('MR_STORAGE_SLOW', 'slow')
  assert.equal(await explainUnreadable(other, parts), other)
})
