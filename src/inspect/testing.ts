/** For tests of this folder: checkpoints made of plain entries, cut, merged and stored as a running job does it. */
import { composeMetadata } from '../checkpoint/compose.ts'
import type { MergedSlices, WorkerManifest } from '../checkpoint/manifest.ts'
import {
  type CheckpointMetadata,
  checkpointPath,
  encodeMetadata,
  mergedPath,
  type StateDescription,
  segmentPath,
} from '../checkpoint/metadata.ts'
import { placedLinks } from '../checkpoint/placed-links.ts'
import { decodeSlice } from '../checkpoint/segment/decode-slice.ts'
import { encodeSegment } from '../checkpoint/segment/encode-segment.ts'
import { type EncodedSlice, encodeStream } from '../checkpoint/segment/encode-slice.ts'
import { mergeSlices } from '../checkpoint/segment/merge-slices.ts'
import { ByteWriter } from '../common/byte-writer.ts'
import { systemClock } from '../common/clock.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import type { StateChanges } from '../records/state-changes.ts'
import type { TaskKey } from '../records/task-id.ts'
import { messagePack } from '../state/codecs.ts'
import { MemoryStorage } from '../testing/memory-storage.ts'
import { openSnapshot } from './open-snapshot.ts'
import { type ReadOptions, StoredState } from './stored-state.ts'

export const APP = 'orders'

export function describe(id: number, own: Partial<StateDescription> = {}): StateDescription {
  return {
    id,
    operator: 'op',
    name: `s${id}`,
    kind: 'value',
    codec: 'msgpack',
    codecVersion: 1,
    olderVersions: [],
    mapKeys: null,
    expires: false,
    stage: 'in',
    keys: 'string',
    ttl: null,
    ...own,
  }
}

export function stored(value: unknown, codec: ValueCodec<unknown> = messagePack, version = 1): Buffer {
  const out = new ByteWriter(64)
  out.bytes(Buffer.from([version]))
  codec.encode(value, out)
  return Buffer.from(out.written())
}

/** A job's storage, one checkpoint after another. */
export class CheckpointScene {
  readonly storage = new MemoryStorage()
  metadata: CheckpointMetadata | null = null
  private sha256 = ''
  private merges: MergedSlices[] = []
  private mergedFiles: { path: string; bytes: number; sha256: string }[] = []
  private objects = 0
  states: readonly StateDescription[]
  private readonly exchanges: Readonly<Record<string, number>>

  /** @param exchanges name → partitions */
  constructor(states: readonly StateDescription[], exchanges: Readonly<Record<string, number>> = {}) {
    this.states = states
    this.exchanges = exchanges
  }

  get checkpoint(): number {
    return this.metadata?.checkpoint ?? 0
  }

  get path(): string {
    return checkpointPath(APP, this.checkpoint, 1)
  }

  /** The next checkpoint, which brings these changes and what was merged. */
  async cut(changes: readonly StateChanges[]): Promise<this> {
    const checkpoint = this.checkpoint + 1
    const encoded = await encodeSegment(changes)
    const path = segmentPath(APP, checkpoint, 1, 0)
    await this.storage.put(path, encoded.chunks)
    const { bytes, sha256, slices } = encoded
    const segments = slices.length === 0 ? [] : [{ path, bytes, sha256, slices }]
    const manifest: WorkerManifest = {
      ...{ worker: 'w', positions: {}, inputs: {}, output: null, watermarks: {}, segments, committables: [], committed: [] },
      ...{ pauseMs: 0, stateEntries: 0, merges: this.merges, mergedFiles: this.mergedFiles },
    }
    this.merges = []
    this.mergedFiles = []
    this.metadata = composeMetadata({
      ...{ applicationId: APP, checkpoint, epoch: 1, kind: 'periodic', triggeredAtMs: 0, completedAtMs: 0, graphDigest: '' },
      ...{ states: this.states, sources: {}, manifests: [manifest] },
      exchanges: Object.entries(this.exchanges).map(([exchange, partitions]) => ({
        exchange,
        topic: exchange,
        identity: 'x',
        partitions,
      })),
      previous: this.metadata === null ? null : { metadata: this.metadata, sha256: this.sha256 },
    })
    const { bytes: content, sha256: digest } = encodeMetadata(this.metadata)
    this.sha256 = digest
    await this.storage.put(this.path, [content])
    return this
  }

  /** As compaction does it: the links [first, end) of the last checkpoint, told by the next. */
  async merge(task: TaskKey, first: number, end: number, limitBytes = 64 * 1024 * 1024): Promise<void> {
    const chain = placedLinks(this.metadata!, this.metadata!.chains[task] ?? [])
    const links = chain.slice(first, end)
    const isBottom = first === 0
    const newestFirst = links.toReversed().map(({ path, offset, bytes }) => {
      return [...decodeSlice(this.storage.files.get(path)!.subarray(offset, offset + bytes), { path, task })]
    })
    const slices: EncodedSlice[] = []
    for await (const slice of encodeStream(
      task,
      mergeSlices(newestFirst, { dropDeletes: isBottom }),
      limitBytes,
      systemClock,
    )) {
      slices.push(slice)
    }
    const path = mergedPath(APP, this.checkpoint, 1, 0, this.objects++)
    const { chunks, bytes, sha256, merged } = await encodeSegment([], { merged: slices })
    await this.storage.put(path, chunks)
    this.mergedFiles.push({ path, bytes, sha256 })
    const replaces = links.map((link) => ({ path: link.path, offset: link.offset }))
    this.merges.push({
      ...{ task, replaces, isBottom },
      slices: merged.map(({ offset, bytes: own, entries }) => ({ path, offset, bytes: own, entries })),
    })
  }

  /** The last checkpoint. */
  async open(options: ReadOptions = {}): Promise<StoredState> {
    return new StoredState(await openSnapshot(this.storage, this.path), options)
  }
}
