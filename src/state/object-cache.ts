/**
 * Bounds the heap that live state entries take, over all states of a worker. Entries that the backend holds may go
 * (second chance: those not seen since the hand passed last); changed ones are pinned until it does.
 *
 * Sizes are estimates: what a key and a value cost on the heap beside their bytes was measured on Node 26 with
 * 1,000,000 entries of small aggregates, see docs/design/0004-state.md.
 */

import type { CacheMeter } from './cache-meter.ts'

/** Map slot, entry object, string header, boxed slots. */
export const ENTRY_OVERHEAD_BYTES = 160

/** Of the bytes of changes: so much else may be there before it is looked for. */
const BESIDE_CHANGES = 0.25

/** What the cache sees of a table. */
export interface EvictableTable {
  /**
   * Evicts about `bytes` of entries that the backend holds, from where its hand stands up to its end; returns how many went:
   * fewer, where the hand came to the end.
   */
  evict(bytes: number, flushedGeneration: number): number
}

export class ObjectCache {
  /** May change between two batches; the next `trim` keeps to it. */
  capacityBytes: number
  /** Null: nobody sets the capacity by what the cache tells. */
  readonly meter: CacheMeter | null
  usedBytes = 0
  /** Estimated bytes of entries changed since the last flush: pinned here, since nowhere else. */
  changedBytes = 0
  /** Up to this generation, the backend holds every change. */
  flushedGeneration = 0
  private tables: readonly EvictableTable[] = []
  /** The one whose hand moves. */
  private current = 0

  constructor(capacityBytes: number, meter: CacheMeter | null = null) {
    this.capacityBytes = capacityBytes
    this.meter = meter
  }

  add(table: EvictableTable): void {
    this.tables = [...this.tables, table]
  }

  remove(table: EvictableTable): void {
    this.tables = this.tables.filter((one) => one !== table)
  }

  /**
   * Between two batches: evicts until the cache is within its bound, or holds changes alone. While these are more than the bound, what
   * may go is allowed to come to a share of them first: looking for it is a walk through all entries.
   */
  trim(): void {
    if (this.usedBytes <= Math.max(this.capacityBytes, this.changedBytes * (1 + BESIDE_CHANGES))) return
    const boundBytes = Math.max(this.capacityBytes, this.changedBytes)
    // One hand for all tables: begun with the same one each time, it would empty that one, and pass what is left there in vain.
    // Two rounds: the first takes away the second chance of entries, the second those that were not seen again.
    for (let ends = 0; this.usedBytes > boundBytes && ends <= 2 * this.tables.length; ) {
      if (this.current >= this.tables.length) this.current = 0
      const excess = this.usedBytes - boundBytes
      const freed = this.tables[this.current]?.evict(excess, this.flushedGeneration) ?? 0
      // Not in one step: a table may change it, too.
      this.usedBytes -= freed
      if (freed >= excess) continue
      this.current++
      ends++
    }
  }
}
