/**
 * How fast a worker has its state back: `node --conditions=millrace-source bench/micro/restore.ts [keys] [value bytes] [changed %]`.
 *
 * Makes a checkpoint as compaction leaves it, in a folder: of each task one merged run of all keys, and on top of it changes
 * of some of them. Then a process of its own restores it into an empty RocksDB; another one opens what that left.
 */
import { spawnSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFileStorage } from '../../connectors/file/file-storage.ts'
import { composeMetadata } from '../../src/checkpoint/compose.ts'
import type { ChainLink, CheckpointMetadata, SegmentReference } from '../../src/checkpoint/metadata.ts'
import { encodeSegment } from '../../src/checkpoint/segment/encode-segment.ts'
import { encodeStream } from '../../src/checkpoint/segment/encode-slice.ts'
import { defined } from '../../src/common/assert.ts'
import { systemClock } from '../../src/common/clock.ts'
import { StateChangesBuilder } from '../../src/records/state-changes-builder.ts'
import { restoreState } from '../../src/runtime/restore/restore-state.ts'
import { createRocksDbBackend } from '../../src/state/rocksdb/rocksdb-backend.ts'
import { peakRssMbOf } from '../own/process-usage.ts'

const TASKS = Array.from({ length: 4 }, (_, partition) => `orders/${partition}`)
const OBJECT_BYTES = 64 * 1024 * 1024
const CHUNK_ENTRIES = 4096

const [first = ''] = process.argv.slice(2)
if (first.startsWith('/')) await restore(first)
else await main()

async function main(): Promise<void> {
  const [keys = 1_000_000, valueBytes = 88, changedPercent = 20] = process.argv.slice(2).map(Number)
  const folder = await mkdtemp(join(tmpdir(), 'millrace-restore-'))
  try {
    const metadata = await makeCheckpoint(folder, keys, valueBytes, changedPercent / 100)
    await writeFile(join(folder, 'metadata.json'), JSON.stringify(metadata))
    const liveBytes = keys * (22 + valueBytes)
    console.log(`${keys} keys, ${Math.round(liveBytes / 2 ** 20)} MB; stored ${Math.round(metadata.totalBytes / 2 ** 20)} MB`)
    for (let turn = 0; turn < 2; turn++) {
      const args = [...process.execArgv, import.meta.filename, folder]
      const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
      process.stdout.write(stdout + stderr)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** In a process of its own: its memory is that of the restore. */
async function restore(folder: string): Promise<void> {
  const metadata = JSON.parse(await readFile(join(folder, 'metadata.json'), 'utf8')) as CheckpointMetadata
  const storage = createFileStorage(`file://${folder}/checkpoints`)
  const startMs = performance.now()
  const backend = createRocksDbBackend({ directory: join(folder, 'state') })
  await backend.open()
  const openedMs = performance.now() - startMs
  const restorePoint = { checkpoint: 2, epoch: 1, path: '', sha256: 'x' }
  const report = await restoreState({ backend, storage, restorePoint, metadata, ancestors: [], tasks: TASKS })
  const seconds = (performance.now() - startMs) / 1000
  const { user, system } = process.cpuUsage()
  const keys = Object.values(metadata.chains).reduce((sum, links) => sum + linkEntries(links), 0)
  const rate = Math.round(keys / seconds)
  console.log(
    `${report.tasksFromLocal > 0 ? 'local' : 'all'}: ${report.fetchedEntries} entries in ${seconds.toFixed(2)} s, ${rate} keys/s, ` +
      `opened in ${openedMs.toFixed(0)} ms, ${(((user + system) / keys) as number).toFixed(2)} µs of CPU a key, ` +
      `peak RSS ${Math.round(peakRssMbOf(process.pid) ?? 0)} MB, RocksDB ${Math.round(backend.memoryBytes() / 2 ** 20)} MB`,
  )
  await backend.close()
  await storage.close()
}

/** Of the merged run: the changes on top of it are of the same keys. */
function linkEntries(links: readonly ChainLink[]): number {
  return links.reduce((sum, { merged, entries }) => sum + (merged === undefined ? 0 : entries), 0)
}

async function makeCheckpoint(folder: string, keys: number, valueBytes: number, changed: number): Promise<CheckpointMetadata> {
  const storage = createFileStorage(`file://${folder}/checkpoints`)
  const segments: SegmentReference[] = []
  const chains: Record<string, ChainLink[]> = {}
  const every = Math.max(1, Math.round(1 / changed))
  for (const [at, task] of TASKS.entries()) {
    const own: ChainLink[] = []
    for (const [since, step] of [TASKS.length, TASKS.length * every].entries()) {
      let part = 0
      for await (const slice of encodeStream(task, entries(task, at, keys, step, valueBytes), OBJECT_BYTES, systemClock)) {
        const file = await encodeSegment([], { merged: [slice] })
        const path = `bench/segments/${at}-${since}-${part}.seg`
        await storage.put(path, file.chunks)
        const { offset, bytes, entries } = defined(file.merged[0], 'slice')
        const merged = { from: since + 1, to: since + 1, isBottom: since === 0, part: part++ }
        own.push({ segment: segments.length, offset, bytes, entries, ...(since === 0 && { merged }) })
        segments.push({ path, bytes: file.bytes, sha256: file.sha256, since: since + 1 })
      }
    }
    chains[task] = own
  }
  await storage.close()
  const metadata = composeMetadata({
    ...{ applicationId: 'bench', checkpoint: 2, epoch: 1, kind: 'periodic' as const, triggeredAtMs: 0, previous: null },
    ...{ completedAtMs: 0, graphDigest: '', states: [], sources: {}, exchanges: [], manifests: [] },
  })
  return { ...metadata, version: 2, segments, chains, totalBytes: segments.reduce((sum, { bytes }) => sum + bytes, 0) }
}

async function* entries(task: string, from: number, keys: number, step: number, valueBytes: number) {
  const builder = new StateChangesBuilder(task)
  for (let key = from; key < keys; key += step) {
    const value = Buffer.alloc(valueBytes)
    // As compressible as names and addresses are: about six bits a byte.
    for (let at = 0, random = key * 31 + step; at + 4 <= valueBytes; at += 4) {
      random = (Math.imul(random, 1664525) + 1013904223) | 0
      value.writeInt32BE((random ^ (random >>> 16)) & 0x3f3f3f3f, at)
    }
    builder.put(`\0\0\0\x01customer-${String(key).padStart(9, '0')}`, value)
    if (builder.entries === CHUNK_ENTRIES) yield builder.build()
  }
  if (builder.entries > 0) yield builder.build()
}
