/**
 * The life of a chain without a broker: `node --conditions=millrace-source bench/micro/checkpoint-life.ts [keys] [checkpoints] [value bytes]`.
 *
 * All keys once, then checkpoints that each change 1 % of them, compacted as a worker does and kept three at a time, in a
 * folder. Shows what a restore reads and what the storage holds, each beside the live bytes, the work of compaction, and
 * how fast RocksDB is filled from it.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFileStorage } from '../../connectors/file/file-storage.ts'
import { composeMetadata } from '../../src/checkpoint/compose.ts'
import type { WorkerManifest } from '../../src/checkpoint/manifest.ts'
import { type CheckpointMetadata, checkpointPath, encodeMetadata, segmentPath } from '../../src/checkpoint/metadata.ts'
import type { RestorePoint } from '../../src/checkpoint/protocol/control-records.ts'
import { dropCheckpoint } from '../../src/checkpoint/retention.ts'
import { encodeSegment } from '../../src/checkpoint/segment/encode-segment.ts'
import { defined } from '../../src/common/assert.ts'
import { systemClock } from '../../src/common/clock.ts'
import { silentLogger } from '../../src/common/logger.ts'
import { StateChangesBuilder } from '../../src/records/state-changes-builder.ts'
import { Compaction } from '../../src/runtime/checkpoints/compaction.ts'
import { noCompaction } from '../../src/runtime/checkpoints/compaction-statistics.ts'
import { restoreState } from '../../src/runtime/restore/restore-state.ts'
import { createRocksDbBackend } from '../../src/state/rocksdb/rocksdb-backend.ts'

const [keys = 1_000_000, checkpoints = 150, valueBytes = 24] = process.argv.slice(2).map(Number)
const RETAINED = 3
const CHANGED_SHARE = 0.01
const tasks = Array.from({ length: 8 }, (_, partition) => `orders/${partition}`)

const root = await mkdtemp(join(tmpdir(), 'millrace-life-'))
const storage = createFileStorage(`file://${root}/checkpoints`)
const statistics = noCompaction()
const compaction = new Compaction({
  ...{ applicationId: 'bench', epoch: 1, workerIndex: 0, tasks, metadata: null, storage, statistics },
  clock: systemClock,
  logger: silentLogger,
  share: 1,
})

const keyOf = (key: number) => `\0\0\0\x01customer-${String(key).padStart(9, '0')}`

/** One segment of the given keys, ascending. */
function changesOf(changed: Iterable<number>, round: number) {
  const builders = tasks.map((task) => new StateChangesBuilder(task))
  for (const key of changed) {
    const value = Buffer.alloc(valueBytes)
    value.writeDoubleBE(Math.sqrt(key * 7 + round), 0)
    value.writeUInt32BE((key * 2654435761 + round) >>> 0, 8)
    value.writeUInt32BE((key * 40503 * (round + 1)) >>> 0, 12)
    // As compressible as names and addresses are: about six bits a byte.
    for (let at = 24, random = key * 31 + round + 1; at + 4 <= valueBytes; at += 4) {
      random = (Math.imul(random, 1664525) + 1013904223) | 0
      value.writeInt32BE((random ^ (random >>> 16)) & 0x3f3f3f3f, at)
    }
    defined(builders[key % tasks.length], 'builder').put(keyOf(key), value)
  }
  return builders.map((builder) => builder.build())
}

async function storedBytes(): Promise<number> {
  let bytes = 0
  for await (const file of storage.list('bench/segments/')) bytes += file.bytes
  return bytes
}

const retained: RestorePoint[] = []
let last: { metadata: CheckpointMetadata; sha256: string } | null = null

async function checkpoint(number: number, changed: Iterable<number>): Promise<void> {
  const riders = compaction.takeRiders()
  const encoded = await encodeSegment(changesOf(changed, number), { merged: riders?.slices ?? [] })
  const { bytes, sha256, slices, chunks } = encoded
  const segment = { path: segmentPath('bench', number, 1, 0), bytes, sha256, slices }
  await storage.put(segment.path, chunks)
  riders?.placed(segment, encoded.merged)
  const manifest: WorkerManifest = {
    ...{ worker: 'w', positions: {}, inputs: {}, output: null, watermarks: {}, committables: [], committed: [] },
    ...{ pauseMs: 0, stateEntries: 0, segments: [segment], ...compaction.tell(number) },
  }
  const metadata = composeMetadata({
    ...{ applicationId: 'bench', checkpoint: number, epoch: 1, kind: 'periodic' as const, triggeredAtMs: 0 },
    ...{ completedAtMs: 0, graphDigest: '', states: [], sources: {}, exchanges: [], manifests: [manifest], previous: last },
  })
  const file = encodeMetadata(metadata)
  const path = checkpointPath('bench', number, 1)
  await storage.put(path, [file.bytes])
  last = { metadata, sha256: file.sha256 }
  retained.push({ checkpoint: number, epoch: 1, path, sha256: file.sha256 })
  compaction.onCompleted(number, [segment])
  while (retained.length > RETAINED) await dropCheckpoint(storage, defined(retained.shift(), 'oldest'), retained)
}

/** All keys are loaded by checkpoints of so many. */
const LOADED_AT_ONCE = 500_000
const loads = Math.ceil(keys / LOADED_AT_ONCE)

function* keysOfLoad(load: number) {
  for (let key = load; key < keys; key += loads) yield key
}

function someKeys(round: number): number[] {
  const chosen = new Set<number>()
  for (let i = 0; chosen.size < keys * CHANGED_SHARE; i++) chosen.add(((i + round * 7919) * 2654435761) % keys)
  return [...chosen].sort((a, b) => a - b)
}

compaction.start()
for (let load = 1; load <= loads; load++) await checkpoint(load, keysOfLoad(load - 1))
const liveBytes = defined<{ metadata: CheckpointMetadata }>(last ?? undefined, 'first').metadata.totalBytes
const factors: { read: number; storage: number }[] = []
for (let number = loads + 1; number <= loads + checkpoints; number++) {
  await checkpoint(number, someKeys(number))
  // An interval, in which compaction works.
  await systemClock.sleep(60)
  factors.push({ read: statistics.chainBytes / liveBytes, storage: (await storedBytes()) / liveBytes })
}
await compaction.stop()
const most = (of: (one: (typeof factors)[number]) => number) => Math.max(...factors.map(of)).toFixed(2)
const mean = (of: (one: (typeof factors)[number]) => number) =>
  (factors.reduce((sum, one) => sum + of(one), 0) / factors.length).toFixed(2)
const { metadata, sha256 } = defined<{ metadata: CheckpointMetadata; sha256: string }>(last ?? undefined, 'last')
const changedBytes = metadata.writtenBytes
console.log(
  `live ${(liveBytes / 2 ** 20).toFixed(1)} MiB, ${keys} keys, ${(CHANGED_SHARE * 100).toFixed(0)} % changed by each of ${checkpoints} checkpoints`,
)
console.log(`read factor: mean ${mean(({ read }) => read)}, most ${most(({ read }) => read)}`)
console.log(`storage factor (${RETAINED} retained): mean ${mean((one) => one.storage)}, most ${most((one) => one.storage)}`)
console.log(`last checkpoint wrote ${((changedBytes / liveBytes) * 100).toFixed(1)} % of live, ${statistics.links} links`)
const perChange = (statistics.busyMs * 1000) / (keys * CHANGED_SHARE * checkpoints)
console.log(
  `compaction: ${statistics.merges} merges, read ${(statistics.readBytes / 2 ** 20).toFixed(0)} MiB, wrote ${(statistics.writtenBytes / 2 ** 20).toFixed(0)} MiB, ${perChange.toFixed(1)} µs of the event loop per changed entry`,
)

const backend = createRocksDbBackend({ directory: join(root, 'state') })
await backend.open()
const startMs = performance.now()
const startCpu = process.cpuUsage()
const point = { checkpoint: metadata.checkpoint, epoch: 1, path: '', sha256 }
const report = await restoreState({ backend, storage, restorePoint: point, metadata, ancestors: [], tasks })
const seconds = (performance.now() - startMs) / 1000
const cpu = process.cpuUsage(startCpu)
console.log(
  `restore: ${report.fetchedEntries} entries for ${keys} keys in ${seconds.toFixed(2)} s, ${Math.round(keys / seconds)} keys/s, ${((cpu.user + cpu.system) / keys).toFixed(2)} µs of CPU a key`,
)
await backend.close()
await storage.close()
await rm(root, { recursive: true, force: true })
