/**
 * Workers' chains under any sequence of writes, checkpoints, aborts and restarts: every retained checkpoint restores to
 * the model's state, from nothing and from local state of any of its ancestors.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { composeMetadata } from '../../checkpoint/compose.ts'
import { manifestWith } from '../../checkpoint/manifest.fixture.ts'
import type { SegmentFile } from '../../checkpoint/manifest.ts'
import { type CheckpointMetadata, decodeMetadata, encodeMetadata, segmentPath } from '../../checkpoint/metadata.ts'
import type { RestorePoint } from '../../checkpoint/protocol/control-records.ts'
import { encodeSegment } from '../../checkpoint/segment/encode-segment.ts'
import { changesOf, type Entry } from '../../checkpoint/segment/testing.ts'
import { defined } from '../../common/assert.ts'
import { systemClock } from '../../common/clock.ts'
import { silentLogger } from '../../common/logger.ts'
import type { StateBackend } from '../../ports/state-backend.ts'
import type { TaskKey } from '../../records/task-id.ts'
import { createMemoryBackend } from '../../state/memory/memory-backend.ts'
import { MemoryStorage } from '../../testing/memory-storage.ts'
import { restoreState } from '../restore/restore-state.ts'
import { Compaction, type Riders } from './compaction.ts'
import { noCompaction } from './compaction-statistics.ts'

const TASKS = ['s/0', 's/1']
const KEYS = 12

type State = Map<TaskKey, Map<string, string>>
type Step =
  | { readonly kind: 'write'; readonly task: number; readonly key: number; readonly value: number | null }
  | { readonly kind: 'checkpoint'; readonly isAborted: boolean }
  | { readonly kind: 'restart' }

interface Kept {
  readonly point: RestorePoint
  readonly metadata: CheckpointMetadata
  readonly state: State
}

/** One worker with all tasks, and the coordinator, without the log. */
class Job {
  readonly storage = new MemoryStorage()
  readonly kept: Kept[] = []
  readonly statistics = noCompaction()
  /** Objects that manifests have told of. */
  readonly told = new Set<string>()
  private epoch = 1
  private number = 0
  private state: State = emptyState()
  private changes = new Map<TaskKey, Map<string, Entry>>()
  private overlays: {
    checkpoint: number
    changes: Map<TaskKey, Map<string, Entry>>
    riders?: Riders
    segment?: SegmentFile
  }[] = []
  private readonly sizes: { readonly rideBytes: number; readonly objectBytes: number } | undefined
  private compaction: Compaction

  /** @param sizes default: those of the product */
  constructor(sizes?: { readonly rideBytes: number; readonly objectBytes: number }) {
    this.sizes = sizes
    this.compaction = this.createCompaction()
  }

  write(task: TaskKey, key: string, value: string | null): void {
    if (value === null) this.state.get(task)?.delete(key)
    else this.state.get(task)?.set(key, value)
    const own = this.changes.get(task) ?? new Map<string, Entry>()
    this.changes.set(task, own.set(key, [key, value, 0]))
  }

  async checkpoint(isAborted: boolean): Promise<void> {
    const checkpoint = ++this.number
    if (this.changes.size > 0) this.overlays.push({ checkpoint, changes: this.changes })
    this.changes = new Map()
    for (const pending of this.overlays) {
      if (pending.segment !== undefined) continue
      const riders = this.compaction.takeRiders()
      const parts = [...pending.changes].map(([task, entries]) => changesOf(task, [...entries.values()]))
      const merged = riders?.slices ?? []
      const encoded = await encodeSegment(parts, { merged })
      const path = segmentPath('app', pending.checkpoint, this.epoch, 0)
      await this.storage.put(path, encoded.chunks)
      const { bytes, sha256, slices } = encoded
      pending.segment = { path, bytes, sha256, slices }
      riders?.placed(pending.segment, encoded.merged)
    }
    const segments = this.overlays.flatMap(({ segment }) => segment ?? [])
    const news = this.compaction.tell(checkpoint)
    for (const { path } of news.mergedFiles ?? []) this.told.add(path)
    const manifest = manifestWith({ segments, ...news })
    if (isAborted) return
    const last = this.kept.at(-1)
    const metadata = composeMetadata({
      ...FACTS,
      checkpoint,
      epoch: this.epoch,
      manifests: [manifest],
      previous: last === undefined ? null : { metadata: last.metadata, sha256: last.point.sha256 },
    })
    const { bytes, sha256 } = encodeMetadata(metadata)
    this.kept.push({
      point: { checkpoint, epoch: this.epoch, path: `m${checkpoint}`, sha256 },
      metadata: decodeMetadata(bytes, 'm', sha256),
      state: copyOf(this.state),
    })
    this.overlays = []
    this.compaction.onCompleted(checkpoint, segments)
    await turns()
  }

  /** A new epoch, from the last completed checkpoint. */
  async restart(): Promise<void> {
    await this.compaction.stop()
    this.epoch++
    this.overlays = []
    this.changes = new Map()
    this.state = copyOf(this.kept.at(-1)?.state ?? emptyState())
    this.compaction = this.createCompaction()
  }

  async stop(): Promise<void> {
    await this.compaction.stop()
  }

  /** Into a fresh backend, or on top of local state: of an ancestor, or on its way to it from one before. */
  async restored(kept: Kept, local: Kept | null, before?: Kept | null): Promise<State> {
    const backend = createMemoryBackend()
    await backend.open()
    if (local !== null && before === undefined) await fill(backend, local)
    else if (local !== null) await fillPartly(backend, before ?? null, local)
    const ancestors = this.kept.map(({ point }) => point).filter(({ checkpoint }) => checkpoint < kept.point.checkpoint)
    const { storage } = this
    await restoreState({ backend, storage, restorePoint: kept.point, metadata: kept.metadata, ancestors, tasks: TASKS })
    const state = emptyState()
    for (const task of TASKS) {
      for await (const { key, value } of backend.scan(task, '', 0)) state.get(task)?.set(key, value.toString())
    }
    return state
  }

  objects(): string[] {
    return [...this.storage.files.keys()].filter((path) => path.includes('-m'))
  }

  private createCompaction(): Compaction {
    const compaction = new Compaction({
      applicationId: 'app',
      epoch: this.epoch,
      workerIndex: 0,
      tasks: TASKS,
      metadata: this.kept.at(-1)?.metadata ?? null,
      clock: systemClock,
      logger: silentLogger,
      storage: this.storage,
      share: 1,
      statistics: this.statistics,
      ...(this.sizes !== undefined && { sizes: this.sizes }),
    })
    compaction.start()
    return compaction
  }
}

const FACTS = {
  applicationId: 'app',
  kind: 'periodic' as const,
  triggeredAtMs: 0,
  completedAtMs: 0,
  graphDigest: '',
  states: [],
  sources: {},
  exchanges: [],
}

const emptyState = (): State => new Map(TASKS.map((task) => [task, new Map()]))
const copyOf = (state: State): State => new Map([...state].map(([task, entries]) => [task, new Map(entries)]))

/** Compaction reads a storage that answers at once: it is done after some turns. */
async function turns(): Promise<void> {
  for (let i = 0; i < 30; i++) await systemClock.turn()
}

async function fill(backend: StateBackend, { point, state }: Kept): Promise<void> {
  const marker = { checkpoint: point.checkpoint, epoch: point.epoch, metadataDigest: point.sha256 }
  const changes = [...state].map(([task, entries]) =>
    changesOf(
      task,
      [...entries].map(([key, value]): Entry => [key, value, 0]),
    ),
  )
  await backend.apply(changes, new Map(TASKS.map((task) => [task, marker])))
}

/** A worker was killed while it applied the changes from `before` (null: from nothing) to `local`. */
async function fillPartly(backend: StateBackend, before: Kept | null, local: Kept): Promise<void> {
  if (before !== null) await fill(backend, before)
  const { checkpoint, epoch, sha256 } = local.point
  const marker = { checkpoint, epoch, metadataDigest: sha256, since: before?.point.checkpoint ?? 0 }
  const changes = TASKS.map((task) => {
    const [from, to] = [before?.state.get(task), local.state.get(task)]
    const all = [...new Set([...(from?.keys() ?? []), ...(to?.keys() ?? [])])]
    const some = all.filter((key, i) => from?.get(key) !== to?.get(key) && (i + checkpoint) % 2 === 0)
    return changesOf(
      task,
      some.map((key): Entry => [key, to?.get(key) ?? null, 0]),
    )
  })
  await backend.apply(changes, new Map(TASKS.map((task) => [task, marker])))
}

async function check(steps: readonly Step[], localEvery: number, rideBytes?: number): Promise<Job> {
  const job = new Job(rideBytes === undefined ? undefined : { rideBytes, objectBytes: 10_000 })
  for (const step of steps) {
    if (step.kind === 'write') {
      job.write(defined(TASKS[step.task], 'task'), `k${step.key}`, step.value === null ? null : `v${step.value}`)
    } else if (step.kind === 'checkpoint') {
      await job.checkpoint(step.isAborted)
    } else {
      await job.restart()
    }
  }
  await job.stop()
  for (const [i, kept] of job.kept.entries()) {
    assert.deepEqual(await job.restored(kept, null), kept.state, `checkpoint ${kept.point.checkpoint}`)
    for (let ancestor = i % localEvery; ancestor < i; ancestor += localEvery) {
      const local = defined(job.kept[ancestor], 'ancestor')
      assert.deepEqual(
        await job.restored(kept, local),
        kept.state,
        `checkpoint ${kept.point.checkpoint} on top of ${local.point.checkpoint}`,
      )
      const before = job.kept[ancestor - 1] ?? null
      assert.deepEqual(
        await job.restored(kept, local, before),
        kept.state,
        `checkpoint ${kept.point.checkpoint} on top of ${local.point.checkpoint}, partly applied`,
      )
    }
  }
  return job
}

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      task: fc.integer({ min: 0, max: TASKS.length - 1 }),
      key: fc.integer({ min: 0, max: KEYS }),
      value: fc.option(fc.integer({ min: 0, max: 99 }), { freq: 2 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('checkpoint' as const), isAborted: fc.constantFrom(false, false, false, true) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
)

test('every checkpoint restores to the state at its cut, from nothing and from local state of any ancestor', async () => {
  let merges = 0
  await fc.assert(
    // Riding along, or as objects of their own.
    fc.asyncProperty(
      fc.array(anyStep, { minLength: 60, maxLength: 160 }),
      fc.constantFrom(10_000, 0),
      async (steps, rideBytes) => {
        merges += (await check(steps, 3, rideBytes)).statistics.merges
      },
    ),
    { numRuns: 12, endOnFailure: true },
  )
  assert(merges > 10, `only ${merges} merges`)
})

test('a task of which everything was deleted stays empty on top of older local state', async () => {
  const steps: Step[] = []
  const write = (key: number, value: number | null) => steps.push({ kind: 'write', task: 0, key, value })
  const checkpoint = () => steps.push({ kind: 'checkpoint', isAborted: false })
  for (let key = 0; key < KEYS; key++) write(key, 1)
  checkpoint()
  for (let key = 0; key < KEYS; key++) {
    write(key, null)
    checkpoint()
  }
  for (let i = 0; i < 4; i++) {
    steps.push({ kind: 'write', task: 1, key: i, value: i })
    checkpoint()
  }
  const job = await check(steps, 1)
  const { metadata } = defined(job.kept.at(-1), 'last')
  assert.equal(metadata.version, 2)
  assert.equal(metadata.chains['s/0']?.[0]?.merged?.isBottom, true)
})

test('what compaction has replaced is not in the metadata any more', async () => {
  const job = new Job()
  for (let i = 0; i < 40; i++) {
    job.write('s/0', `k${i % 3}`, `v${i}`)
    await job.checkpoint(false)
  }
  await job.stop()
  const { metadata } = defined(job.kept.at(-1), 'last')
  assert(metadata.segments.length < 12, `${metadata.segments.length} segments`)
  const referred = new Set(metadata.chains['s/0']?.map(({ segment }) => segment))
  assert.deepEqual([...referred].sort(), [...metadata.segments.keys()].sort())
})

test('an object that no manifest tells of is deleted at the end, one that a manifest has told of is not', async () => {
  for (const isTold of [false, true]) {
    const job = new Job({ rideBytes: 0, objectBytes: 10_000 })
    while (job.objects().length === 0) {
      job.write('s/0', 'k', 'v')
      await job.checkpoint(false)
    }
    assert.deepEqual([...job.told], [])
    // Whether that checkpoint will be complete is not for the worker to say.
    if (isTold) await job.checkpoint(true)
    await job.stop()
    assert.deepEqual(job.objects(), [...job.told])
    assert.equal(job.objects().length, isTold ? 1 : 0)
  }
})

test('a large merge becomes several objects, at most one per checkpoint, and is one run afterwards', async () => {
  const job = new Job({ rideBytes: 1_000, objectBytes: 20_000 })
  const write = (from: number, to: number, value: string) => {
    for (let key = from; key < to; key++) job.write('s/0', `k${String(key).padStart(6, '0')}`, value + Math.sqrt(key))
  }
  write(0, 20_000, 'a')
  await job.checkpoint(false)
  for (let round = 0; round < 14; round++) {
    const before = job.objects().length
    if (round % 7 === 0) write(round * 500, round * 500 + 10_000, `b${round}`)
    else job.write('s/1', 'k', `v${round}`)
    await job.checkpoint(false)
    for (let i = 0; i < 300; i++) await systemClock.turn()
    assert(job.objects().length - before <= 1)
  }
  await job.stop()
  const last = defined(job.kept.at(-1), 'last')
  const parts = last.metadata.chains['s/0']?.flatMap(({ merged }) => merged ?? []) ?? []
  assert(parts.length > 1 && parts.every(({ isBottom }) => isBottom))
  assert.deepEqual(
    parts.map(({ part }) => part),
    [...parts.keys()],
  )
  for (const kept of job.kept) assert.deepEqual(await job.restored(kept, null), kept.state)
})

test('a deletion outlives a merge above older state, which it still hides', async () => {
  const job = new Job()
  const value = (key: number) => `${Math.sqrt(key)}${Math.cbrt(key)}${Math.sin(key)}`
  const key = (index: number) => `k${String(index).padStart(6, '0')}`
  for (let index = 0; index < 20_000; index++) job.write('s/0', key(index), value(index))
  await job.checkpoint(false)
  for (let index = 0; index < 12; index++) {
    job.write('s/0', key(100 * index), null)
    await job.checkpoint(false)
  }
  await job.stop()
  const last = defined(job.kept.at(-1), 'last')
  const merged = last.metadata.chains['s/0']?.flatMap(({ merged: range }) => range ?? []) ?? []
  assert.deepEqual(
    merged.map(({ isBottom }) => isBottom),
    [false],
  )
  assert.deepEqual(await job.restored(last, null), last.state)
})
