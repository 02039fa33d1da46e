/**
 * One state of one task: its live entries by key. A table knows of every key one of three things: the entry is here, or
 * it is in the backend (ask it), or, while nothing was ever evicted from a table that began empty, there is none.
 *
 * Invariants:
 * - an entry changed in a generation that the backend does not hold yet is in `entries` (never evicted);
 * - an entry is in at most one generation's unencoded changes, that of `entry.generation`;
 * - a sealed generation is never changed: `claim` encodes it first;
 * - user code sees no value that has expired: it looks through `claim` or `protect`.
 */
import { assert, defined } from '../common/assert.ts'
import { shortText } from '../common/short-text.ts'
import type { KeyCodec } from '../ports/source.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import type { TimeToLive } from '../records/time-to-live.ts'
import type { Expiry, StateTime } from './expiry.ts'
import { HotEntries } from './hot-entries.ts'
import { ENTRY_OVERHEAD_BYTES, type EvictableTable, type ObjectCache } from './object-cache.ts'
import { SealedChanges } from './sealed-changes.ts'
import { StateEntry } from './state-entry.ts'
import { stateKey, statePrefix } from './state-key.ts'

export interface StateTableOptions<V> {
  /** Under which it stands in state keys, the same in every task and checkpoint. */
  readonly stateId: number
  readonly codec: ValueCodec<V>
  readonly keyCodec: KeyCodec<unknown>
  /** True when the backend holds nothing of this state: a key that is not here is nowhere. */
  readonly isComplete: boolean
  /** Absent: no value of this state expires, or ever did. Null: new ones don't, but older ones may. */
  readonly ttl?: TimeToLive | null
}

export class StateTable<V> implements EvictableTable {
  readonly stateId: number
  readonly prefix: string
  /** Null: values don't expire. */
  protected readonly expiry: Expiry | null
  protected readonly cache: ObjectCache
  protected readonly entries = new Map<string, StateEntry<V>>()
  protected isComplete: boolean
  private readonly codec: ValueCodec<V>
  private readonly keyCodec: KeyCodec<unknown>
  /** Made when keys come as bytes. */
  private hot: HotEntries<V> | undefined
  private changed: StateEntry<V>[] = []
  /** What `changed` has added to the cache's `changedBytes`. */
  private changedBytes = 0
  /** Sealed and not yet encoded to the end, oldest first. */
  private sealed: SealedChanges<V>[] = []
  /** The generation that is being written. */
  private generation = 1
  /** Moving average of encoded value sizes, for the estimates. */
  private valueBytes = 32
  /** How often the eviction hand went around. */
  protected handRound = 0
  /** Where it stands. */
  private hand: IterableIterator<[string, StateEntry<V>]> | undefined

  constructor(cache: ObjectCache, time: StateTime, options: StateTableOptions<V>) {
    this.cache = cache
    this.expiry = options.ttl === undefined ? null : { time, ttl: options.ttl }
    this.stateId = options.stateId
    this.prefix = statePrefix(options.stateId)
    this.codec = options.codec
    this.keyCodec = options.keyCodec
    this.isComplete = options.isComplete
    cache.add(this)
  }

  /** Whether values may have an expiry. */
  get expires(): boolean {
    return this.expiry !== null
  }

  get size(): number {
    return this.entries.size
  }

  /** Changed since the last seal. */
  get changedCount(): number {
    return this.changed.length
  }

  /** The entry, or undefined when the backend must be asked. */
  find(key: string): StateEntry<V> | undefined {
    const entry = this.entries.get(key)
    if (entry !== undefined) {
      entry.seen = true
      return entry
    }
    return this.isComplete ? this.insert(key, undefined, 0) : undefined
  }

  /** The same for a key given as bytes [start, end), quicker for keys that come often. */
  findBytes(bytes: Buffer, start: number, end: number): StateEntry<V> | undefined {
    const hot = (this.hot ??= new HotEntries())
    const known = hot.find(bytes, start, end)
    if (known !== undefined) {
      known.seen = true
      return known
    }
    const entry = this.find(shortText(bytes, start, end))
    if (entry !== undefined) hot.keep(entry)
    return entry
  }

  /** Takes what the backend answered for a key that `find` did not know. */
  load(key: string, stored: Buffer | null, expiresAtMs = 0): StateEntry<V> {
    const existing = this.entries.get(key)
    if (existing !== undefined) return existing
    if (stored === null) return this.insert(key, undefined, 0)
    this.cache.meter?.ghosts.missed(this.stateId, key)
    this.valueBytes += (stored.length - this.valueBytes) / 64
    const entry = this.insert(key, this.decode(stored), stored.length)
    entry.expiresAtMs = expiresAtMs
    return entry
  }

  /**
   * Before the entry's value is changed, in place or by setting it. Where the value has expired there is none behind this,
   * and its time to live begins anew.
   */
  claim(entry: StateEntry<V>): void {
    if (entry.generation !== this.generation) {
      this.keepSealed(entry)
      entry.generation = this.generation
      entry.slot = this.changed.length
      this.changed.push(entry)
      this.changedBytes += entry.bytes
      this.cache.changedBytes += entry.bytes
    }
    if (this.expiry !== null) this.renew(entry, this.expiry)
  }

  /**
   * Before user code is given a value: it might change it in place, and a sealed generation must not see that. Where the
   * value has expired there is none behind this; where reading puts its expiry off, the entry is changed.
   */
  protect(entry: StateEntry<V>): void {
    this.peek(entry)
    if (this.expiry?.ttl?.refresh === 'read-and-write' && entry.value !== undefined) this.claim(entry)
  }

  /** The same, but it puts no expiry off. */
  peek(entry: StateEntry<V>): void {
    this.keepSealed(entry)
    if (this.expiry === null || !isExpired(entry, this.expiry.time.nowMs)) return
    // No change that must be written: whoever reads the stored value sees the same.
    this.drop(entry)
    entry.expiresAtMs = 0
  }

  /** The claimed entry's value has grown (or shrunk) by about so much on the heap: the estimate until it is encoded. */
  grow(entry: StateEntry<V>, byBytes: number): void {
    assert(entry.generation === this.generation, 'only what is being changed grows')
    const bytes = Math.max(byBytes, ENTRY_OVERHEAD_BYTES - entry.bytes)
    entry.bytes += bytes
    this.changedBytes += bytes
    this.cache.changedBytes += bytes
    this.cache.usedBytes += bytes
  }

  /** The key as user code sees it. */
  userKey(entry: StateEntry<V>): unknown {
    return entry.userKey ?? (entry.userKey = this.keyCodec.decode(entry.key))
  }

  /** The cut: what has changed belongs to the ending generation; returns it, to be encoded. Constant time. */
  seal(nextGeneration: number): SealedChanges<V> | undefined {
    assert(nextGeneration > this.generation, 'generations ascend')
    const changed = this.changed
    const generation = this.generation
    this.generation = nextGeneration
    if (changed.length === 0) return undefined
    this.changed = []
    const options = { codec: this.codec, cache: this.cache, bytes: this.changedBytes, expires: this.expiry !== null }
    this.changedBytes = 0
    const sealed = new SealedChanges(generation, changed, options)
    this.sealed.push(sealed)
    return sealed
  }

  /** Once encoded to its end, a sealed generation needs no protection. */
  release(sealed: SealedChanges<V>): void {
    this.sealed = this.sealed.filter((one) => one !== sealed)
    if (sealed.entries.length > 0) this.valueBytes = sealed.values.length / sealed.entries.length
  }

  fullKey(entry: StateEntry<V>): string {
    return this.fullKeyOf(entry.key)
  }

  fullKeyOf(key: string): string {
    return stateKey(this.prefix, key)
  }

  evict(bytes: number, flushedGeneration: number): number {
    let freed = 0
    while (freed < bytes) {
      this.hand ??= this.entries.entries()
      const next = this.hand.next()
      if (next.done) {
        this.hand = undefined
        this.handRound++
        break
      }
      const entry = next.value[1]
      if (entry.generation > flushedGeneration || this.isKept(entry)) continue
      this.entries.delete(entry.key)
      entry.evict()
      this.cache.meter?.ghosts.evicted(this.stateId, entry.key, entry.bytes)
      this.onEvicted(entry)
      // An absent entry that goes leaves the table as complete as before; one with a value doesn't.
      if (entry.value !== undefined) this.isComplete = false
      freed += entry.bytes
    }
    return freed
  }

  /** The second chance: seen since the hand passed. */
  protected isKept(entry: StateEntry<V>): boolean {
    const { seen } = entry
    entry.seen = false
    return seen
  }

  protected onEvicted(_entry: StateEntry<V>): void {}

  /** The entry has no value any more. */
  protected drop(entry: StateEntry<V>): void {
    entry.value = undefined
  }

  decode(stored: Buffer): V {
    return this.codec.decode(stored, 0, stored.length)
  }

  close(): void {
    for (const entry of this.entries.values()) this.cache.usedBytes -= entry.bytes
    this.entries.clear()
    this.cache.remove(this)
  }

  private insert(key: string, value: V | undefined, valueBytes: number): StateEntry<V> {
    return this.add(new StateEntry<V>(key, value, this.bytesOf(key, valueBytes)))
  }

  protected bytesOf(key: string, valueBytes: number): number {
    // An integer: a fraction would stand in an object of its own, for each entry.
    return ENTRY_OVERHEAD_BYTES + key.length + 2 * (valueBytes || Math.round(this.valueBytes))
  }

  protected add<E extends StateEntry<V>>(entry: E): E {
    this.entries.set(entry.key, entry)
    this.cache.usedBytes += entry.bytes
    return entry
  }

  private renew(entry: StateEntry<V>, { time, ttl }: Expiry): void {
    if (isExpired(entry, time.nowMs)) this.drop(entry)
    entry.expiresAtMs = ttl === null ? 0 : time.nowMs + ttl.afterMs
  }

  private keepSealed(entry: StateEntry<V>): void {
    for (const sealed of this.sealed) if (sealed.generation === entry.generation) sealed.encodeBeforeChange(entry)
  }
}

function isExpired({ expiresAtMs }: StateEntry<unknown>, nowMs: number): boolean {
  return expiresAtMs !== 0 && expiresAtMs <= nowMs
}

/** The entry that prefetching has put here. */
export function prefetched<V>(table: StateTable<V>, key: string): StateEntry<V> {
  return defined(table.find(key), `prefetched state of key ${JSON.stringify(key)}`)
}
