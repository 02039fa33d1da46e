import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryStorage } from '../testing/memory-storage.ts'
import { composeMetadata } from './compose.ts'
import { manifestWith } from './manifest.fixture.ts'
import { checkpointPath, encodeMetadata, mergedPath, segmentPath, sha256Hex } from './metadata.ts'
import type { RestorePoint } from './protocol/control-records.ts'
import { auditStorage, isClean } from './storage-audit.ts'
import { sweepOrphans } from './sweep.ts'

const APP = 'app'
const CONTENT = Buffer.from('segment')

/** Epoch 10 completed checkpoints 1 and 2; epochs 10, 20 and 30 left files behind. */
async function scene() {
  const storage = new MemoryStorage()
  const kept: RestorePoint[] = []
  for (const checkpoint of [1, 2]) {
    const path = segmentPath(APP, checkpoint, 10, 0)
    const slices = [{ task: 's/0', offset: 0, bytes: 5, entries: 1 }]
    const segments = [{ path, bytes: CONTENT.length, sha256: sha256Hex(CONTENT), slices }]
    const metadata = composeMetadata({
      applicationId: APP,
      checkpoint,
      epoch: 10,
      kind: 'periodic',
      triggeredAtMs: 0,
      completedAtMs: 0,
      graphDigest: '',
      states: [],
      sources: {},
      exchanges: [],
      manifests: [manifestWith({ segments })],
      previous: null,
    })
    const { bytes, sha256 } = encodeMetadata(metadata)
    kept.push({ checkpoint, epoch: 10, path: checkpointPath(APP, checkpoint, 10), sha256 })
    await storage.put(path, [CONTENT])
    await storage.put(checkpointPath(APP, checkpoint, 10), [bytes])
  }
  const orphans = [segmentPath(APP, 3, 10, 0), mergedPath(APP, 2, 10, 0, 0), segmentPath(APP, 3, 20, 1)]
  const own = [segmentPath(APP, 3, 30, 0)]
  for (const path of [...orphans, ...own]) await storage.put(path, [CONTENT])
  // Metadata whose completion never came into the log.
  const void_ = checkpointPath(APP, 3, 20)
  await storage.put(void_, [storage.files.get(kept[1]!.path)!])
  await storage.put(`${APP}/savepoints/s1/metadata.json`, [CONTENT])
  // Savepoints: a whole one, one that was never finished, one that is under way.
  const savepoint = (epoch: number, name: string) => `${APP}/savepoints/0000000003-e${epoch}/${name}`
  for (const name of ['a-state-00000.seg', 'metadata.json', 'z-state-00001.seg'])
    await storage.put(savepoint(10, name), [CONTENT])
  const unfinished = [savepoint(20, 'a-in-flight-00001.frames'), savepoint(20, 'a-state-00000.seg')]
  for (const path of unfinished) await storage.put(path, [CONTENT])
  orphans.push(...unfinished)
  await storage.put(savepoint(30, 'a-state-00000.seg'), [CONTENT])
  own.push(savepoint(30, 'a-state-00000.seg'))
  return { storage, kept, orphans: [...orphans, void_], own }
}

test('a sweep deletes what older epochs left behind, and nothing else', async () => {
  const { storage, kept, orphans } = await scene()
  const before = [...storage.files.keys()]
  let pauses = 0
  const pause = async () => void pauses++
  const { files } = await sweepOrphans({ storage, applicationId: APP, epoch: 30, kept, pause })
  assert.equal(files, orphans.length)
  assert.equal(pauses, 1)
  assert.deepEqual([...storage.files.keys()].sort(), before.filter((path) => !orphans.includes(path)).sort())
})

test('a sweep deletes nothing while it cannot know what is referred to', async () => {
  const { storage, kept } = await scene()
  const before = storage.files.size
  storage.files.delete(kept[0]!.path)
  await assert.rejects(sweepOrphans({ storage, applicationId: APP, epoch: 30, kept, pause: async () => {} }), {
    code: 'MR_STORAGE_NOT_FOUND',
  })
  assert.equal(storage.files.size, before - 1)
})

test('an audit tells what is missing, damaged and left behind, and what may be under way', async () => {
  const { storage, kept } = await scene()
  const left = await auditStorage(storage, APP, { isDeep: true })
  assert.deepEqual(
    left.unreferenced.map(({ path }) => path),
    [mergedPath(APP, 2, 10, 0, 0), segmentPath(APP, 3, 10, 0)],
  )
  assert.deepEqual(
    left.underWay.map(({ path }) => path),
    [
      segmentPath(APP, 3, 20, 1),
      segmentPath(APP, 3, 30, 0),
      `${APP}/savepoints/0000000003-e20/a-in-flight-00001.frames`,
      `${APP}/savepoints/0000000003-e20/a-state-00000.seg`,
      `${APP}/savepoints/0000000003-e30/a-state-00000.seg`,
    ],
  )
  await sweepOrphans({ storage, applicationId: APP, epoch: 30, kept, pause: async () => {} })
  assert(isClean(await auditStorage(storage, APP, { isDeep: true })))

  const damaged = segmentPath(APP, 1, 10, 0)
  storage.files.set(damaged, Buffer.from('Segment'))
  assert(isClean(await auditStorage(storage, APP, { isDeep: false })), 'its size is right')
  const deep = await auditStorage(storage, APP, { isDeep: true })
  assert.deepEqual(deep.corrupt, [{ path: damaged, problem: 'its SHA-256 differs' }])
  storage.files.delete(damaged)
  const { missing } = await auditStorage(storage, APP, { isDeep: false })
  assert.deepEqual(missing, [{ path: damaged, checkpoint: 1 }])
})
