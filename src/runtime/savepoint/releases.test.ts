/** Savepoints that releases have left behind (write-release.fixture.ts): this one restores them, whatever the backend. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { MemorySink } from '../../testing/memory-sink.ts'
import { MemorySource } from '../../testing/memory-source.ts'
import { RELEASED_VISITS, releasedJob, visits } from './released-job.fixture.ts'
import { SavepointWorld, until } from './savepoint-world.fixture.ts'

const RELEASES = fileURLToPath(new URL('releases', import.meta.url))
const MORE = 40
const releases = readdirSync(RELEASES)

/** What the job puts out for all records from `from` on. */
async function outputOf(world: SavepointWorld, from: number, options: { from?: string } = {}): Promise<unknown[]> {
  const sink = new MemorySink<unknown>()
  const worker = world.start(releasedJob(new MemorySource([visits(0, RELEASED_VISITS + MORE)]), sink), options)
  const rows = 3 * (RELEASED_VISITS + MORE - from)
  await until(() => sink.committed.length >= rows)
  worker.stop()
  assert.deepEqual(await worker.done, { ok: true })
  return sink.committed
}

/** Among those of a key, and of what has put them out, rows have an order; told by their fields. */
function byOperatorAndKey(rows: readonly unknown[]): Map<string, unknown[]> {
  return Map.groupBy(rows, (row) => `${Object.keys(row as object)} ${(row as { key?: string }).key ?? ''}`)
}

test('there are some', () => {
  assert(releases.length >= 2)
})

for (const release of releases) {
  test(`the savepoint of ${release} restores, each kind of state as it was`, async () => {
    const world = new SavepointWorld('later')
    for (const name of readdirSync(`${RELEASES}/${release}`)) {
      await world.storage.put(`kept/${name}`, [readFileSync(`${RELEASES}/${release}/${name}`)])
    }
    const restored = await outputOf(world, RELEASED_VISITS, { from: 'memory:/kept' })
    const whole = await outputOf(new SavepointWorld('whole'), 0)
    const [found, expected] = [byOperatorAndKey(restored), byOperatorAndKey(whole)]
    assert(found.size > 13, 'rows of each operator and key')
    for (const [place, rows] of found) assert.deepEqual(rows, expected.get(place)?.slice(-rows.length), place)
  })
}
