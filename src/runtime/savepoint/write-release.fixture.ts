/**
 * Leaves the savepoints of this release in `releases/`, one of each backend, for all later releases to restore:
 *
 *     node --conditions=millrace-source src/runtime/savepoint/write-release.fixture.ts <version>
 *
 * Run once, when a release is made. What lies there is never written again.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createMemoryBackend, createRocksDbBackend } from '../../state/backends.ts'
import { MemorySink } from '../../testing/memory-sink.ts'
import { MemorySource } from '../../testing/memory-source.ts'
import { RELEASED_VISITS, releasedJob, visits } from './released-job.fixture.ts'
import { SavepointWorld, until } from './savepoint-world.fixture.ts'

const [version] = process.argv.slice(2)
if (version === undefined) throw new Error('expected the version of the release')
for (const backend of ['memory', 'rocksdb'] as const) {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-release-'))
  const world = new SavepointWorld('released')
  world.createBackend = () =>
    backend === 'memory' ? createMemoryBackend() : createRocksDbBackend({ directory: join(folder, 'state') })
  const source = new MemorySource([visits(0, RELEASED_VISITS / 2)])
  const sink = new MemorySink<unknown>()
  const worker = world.start(releasedJob(source, sink))
  // Over several checkpoints, so that chains are merged.
  await until(() => sink.committed.length >= (3 * RELEASED_VISITS) / 2)
  source.add(0, visits(RELEASED_VISITS / 2, RELEASED_VISITS))
  await until(() => sink.committed.length >= 3 * RELEASED_VISITS)
  const uri = await world.savepoint(true)
  await worker.done
  const target = fileURLToPath(new URL(`releases/${version}-${backend}`, import.meta.url))
  await mkdir(target, { recursive: true })
  const prefix = `${uri.slice('memory:/'.length)}/`
  for (const [path, bytes] of world.storage.files) {
    if (path.startsWith(prefix)) await writeFile(join(target, path.slice(prefix.length)), bytes, { flag: 'wx' })
  }
  await rm(folder, { recursive: true })
}
