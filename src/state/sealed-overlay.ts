/**
 * All state changes of a worker between two cuts. Sealed at the cut in constant time, encoded in slices afterwards; what
 * comes out is written to the segment and, once the checkpoint is complete, to the backend.
 */
import type { Clock } from '../common/clock.ts'
import { TimeSlice } from '../common/time-slice.ts'
import type { StateChanges } from '../records/state-changes.ts'
import type { TaskKey } from '../records/task-id.ts'
import type { SealedChanges } from './sealed-changes.ts'
import { sortedOrder } from './sort-keys.ts'
import type { StateTable } from './state-table.ts'

export interface SealedPart {
  readonly task: TaskKey
  readonly table: StateTable<unknown>
  readonly changes: SealedChanges<unknown>
}

export class SealedOverlay {
  readonly generation: number
  /** By task, and within a task by ascending state id. */
  readonly parts: readonly SealedPart[]
  private encoded: Promise<readonly StateChanges[]> | undefined

  constructor(generation: number, parts: readonly SealedPart[]) {
    this.generation = generation
    this.parts = parts
  }

  get entryCount(): number {
    let count = 0
    for (const part of this.parts) count += part.changes.entries.length
    return count
  }

  /** Estimated heap bytes of its entries at the cut. */
  get entryBytes(): number {
    let bytes = 0
    for (const part of this.parts) bytes += part.changes.bytes
    return bytes
  }

  /** Encodes and sorts, giving way every few milliseconds. Later calls get the same result. */
  encode(clock: Clock): Promise<readonly StateChanges[]> {
    this.encoded ??= this.encodeAll(clock)
    return this.encoded
  }

  private async encodeAll(clock: Clock): Promise<readonly StateChanges[]> {
    const slice = new TimeSlice(clock)
    const result: StateChanges[] = []
    for (const { table, changes } of this.parts) {
      while (!changes.encodeSome(256)) if (slice.isOver) await slice.giveWay()
      table.release(changes)
    }
    for (let first = 0; first < this.parts.length; ) {
      const task = this.parts[first]!.task
      let last = first
      while (last < this.parts.length && this.parts[last]!.task === task) last++
      result.push(await this.sortTask(task, this.parts.slice(first, last), slice))
      first = last
    }
    return result
  }

  private async sortTask(task: TaskKey, parts: readonly SealedPart[], slice: TimeSlice): Promise<StateChanges> {
    let count = 0
    for (const part of parts) count += part.changes.entries.length
    const keys: string[] = []
    const valueStarts = new Float64Array(count)
    const valueEnds = new Float64Array(count)
    const expires = parts.some(({ changes }) => changes.expires)
    const expiresAtMs = expires ? new Float64Array(count) : undefined
    let base = 0
    for (const { table, changes } of parts) {
      const partKeys: string[] = []
      for (const entry of changes.entries) {
        partKeys.push(table.fullKey(entry))
        if ((partKeys.length & 1023) === 0 && slice.isOver) await slice.giveWay()
      }
      const order = await sortedOrder(partKeys, slice)
      const { encoded } = changes
      for (const slot of order) {
        const at = keys.push(partKeys[slot]!) - 1
        const start = encoded.starts[slot]!
        valueStarts[at] = start < 0 ? -1 : base + start
        valueEnds[at] = start < 0 ? -1 : base + encoded.ends[slot]!
        if (expiresAtMs !== undefined) expiresAtMs[at] = encoded.expiresAtMs?.[slot] ?? 0
      }
      base += changes.values.length
    }
    const values = parts.length === 1 ? parts[0]!.changes.values : Buffer.concat(parts.map((part) => part.changes.values))
    return { task, keys, values, valueStarts, valueEnds, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) }
  }
}
