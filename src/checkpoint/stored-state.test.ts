import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChainLink, CheckpointMetadata } from './metadata.ts'
import { storedState } from './stored-state.ts'

const link = (segment: number, bytes: number, entries: number, own: Partial<ChainLink> = {}): ChainLink => {
  return { segment, offset: 0, bytes, entries, ...own }
}
const file = (since: number, bytes: number) => ({ path: `s${since}`, bytes, sha256: '', since })

test('of each chain the largest run is live; what the checkpoint itself has changed is told apart', () => {
  const part = (number: number) => ({ from: 1, to: 5, isBottom: true, part: number })
  const metadata = {
    checkpoint: 7,
    segments: [file(5, 3_000), file(6, 500), file(7, 400)],
    chains: {
      // Two parts of one merge are one run.
      'a/0': [
        link(0, 1_000, 100, { merged: part(0) }),
        link(0, 900, 90, { merged: part(1) }),
        link(1, 300, 30),
        link(2, 100, 10),
      ],
      'a/1': [link(1, 50, 5), link(2, 200, 20)],
      // It came with the checkpoint, but holds older changes.
      'a/2': [link(2, 60, 6, { merged: part(0) })],
    },
  } as unknown as CheckpointMetadata
  assert.deepEqual(storedState(metadata), {
    storedBytes: 3_900,
    chainBytes: 2_610,
    liveBytes: 1_900 + 200 + 60,
    liveEntries: 190 + 20 + 6,
    changedEntries: 30,
    changedBytes: 300,
  })
})
