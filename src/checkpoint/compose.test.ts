import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CheckpointFacts, composeMetadata } from './compose.ts'
import { manifestWith } from './manifest.fixture.ts'
import { type CheckpointMetadata, checkpointPath, decodeMetadata, encodeMetadata, mergedPath, segmentPath } from './metadata.ts'

const segment = (path: string, task = 's/0') => ({
  path,
  bytes: 10,
  sha256: path,
  slices: [{ task, offset: 0, bytes: 8, entries: 2 }],
})

const facts = (changes: Partial<CheckpointFacts>): CheckpointFacts => ({
  applicationId: 'app',
  checkpoint: 1,
  epoch: 0,
  kind: 'periodic',
  triggeredAtMs: 1000,
  completedAtMs: 1020,
  graphDigest: 'g',
  states: [],
  sources: { s: { identity: 'topic', positions: { 0: 0, 1: 0 } } },
  exchanges: [],
  manifests: [],
  previous: null,
  ...changes,
})

test('chains grow by the segments of every manifest, oldest first', () => {
  const first = composeMetadata(
    facts({ manifests: [manifestWith({ positions: { s: { 0: 5 } }, segments: [segment('one')] })] }),
  )
  const second = composeMetadata(
    facts({
      checkpoint: 2,
      manifests: [manifestWith({ positions: { s: { 0: 5 } }, segments: [segment('two'), segment('three')] })],
      previous: { metadata: first, sha256: 'x' },
    }),
  )
  assert.deepEqual(
    second.chains['s/0']?.map((link) => second.segments[link.segment]?.path),
    ['one', 'two', 'three'],
  )
  assert.deepEqual(
    second.segments.map(({ since }) => since),
    [1, 2, 2],
  )
  assert.deepEqual(second.parent, { checkpoint: 1, sha256: 'x' })
  assert.equal(second.writtenBytes, 20)
  assert.equal(second.totalBytes, 30)
  assert.deepEqual(first.segments.length, 1, 'the checkpoint before is not touched')
})

test('a partition that no manifest tells of stays where the checkpoint before left it', () => {
  const first = composeMetadata(facts({ manifests: [manifestWith({ positions: { s: { 0: 5, 1: 7 } } })] }))
  const second = composeMetadata(
    facts({ manifests: [manifestWith({ positions: { s: { 0: 9 } } })], previous: { metadata: first, sha256: 'x' } }),
  )
  assert.deepEqual(second.sources.s, { identity: 'topic', positions: { 0: 9, 1: 7 } })
})

test('metadata is read as it was written, and refused when it was changed', () => {
  const metadata = composeMetadata(facts({}))
  const { bytes, sha256 } = encodeMetadata(metadata)
  assert.deepEqual(decodeMetadata(bytes, 'p', sha256), metadata)
  // Whole by itself: only the digest tells.
  const other = encodeMetadata({ ...metadata, totalBytes: metadata.totalBytes + 1 })
  assert.ok(decodeMetadata(other.bytes, 'p'))
  assert.throws(() => decodeMetadata(other.bytes, 'p', sha256), { code: 'MR_CHECKPOINT_CORRUPT' })
  const newer = Buffer.from(JSON.stringify({ ...metadata, version: 99 }))
  assert.throws(() => decodeMetadata(newer, 'p'), { code: 'MR_CHECKPOINT_UNKNOWN_VERSION' })
})

test('paths carry number and epoch, so that no two attempts write the same file', () => {
  const paths = [1, 2].flatMap((checkpoint) =>
    [10, 11].flatMap((epoch) => [
      checkpointPath('app', checkpoint, epoch),
      ...[0, 1].map((worker) => segmentPath('app', checkpoint, epoch, worker)),
      ...[0, 1].map((part) => mergedPath('app', checkpoint, epoch, 0, part)),
    ]),
  )
  assert.equal(new Set(paths).size, paths.length, 'each has a path of its own')
})

test('a writer of an earlier epoch is listed until every partition is read to the end of its channel', () => {
  const exchanges = [{ exchange: 'x', topic: 't', identity: 'i', partitions: 2 }]
  const reading = (zero: number, one: number) => {
    const inputs = { x: { 0: { position: zero, channels: [] }, 1: { position: one, channels: [] } } }
    return (producerId: number) => manifestWith({ inputs, output: { producerId, ends: { x: { 0: 8, 1: 6 } } } })
  }
  const of = (checkpoint: number, epoch: number, manifest: ReturnType<typeof manifestWith>, before?: CheckpointMetadata) =>
    composeMetadata(
      facts({
        checkpoint,
        epoch,
        exchanges,
        manifests: [manifest],
        previous: before === undefined ? null : { metadata: before, sha256: 'x' },
      }),
    )
  const ids = ({ writers }: CheckpointMetadata) => writers.map(({ producerId }) => producerId)
  const first = of(1, 10, reading(0, 0)(1))
  const second = of(2, 20, reading(8, 5)(2), first)
  assert.deepEqual(ids(second), [1, 2], 'one frame is left in partition 1')
  assert.deepEqual(ids(of(3, 20, reading(8, 6)(2), second)), [2])
})
