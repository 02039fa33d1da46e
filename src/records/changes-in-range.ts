/** The part of sorted state changes whose keys lie in a range. */
import type { StateChanges } from './state-changes.ts'

/** Keys of [from, to), binary strings; `to` null: to the end. */
export interface KeyRange {
  readonly from: string
  readonly to: string | null
}

export const ALL_KEYS: KeyRange = { from: '', to: null }

/** All keys that begin with `prefix`, which is not empty. */
export function keysBeginningWith(prefix: string): KeyRange {
  let end = prefix.length
  while (end > 0 && prefix.charCodeAt(end - 1) === 0xff) end--
  if (end === 0) return { from: prefix, to: null }
  return { from: prefix, to: prefix.slice(0, end - 1) + String.fromCharCode(prefix.charCodeAt(end - 1) + 1) }
}

/** Shares the values with the whole. */
export function changesInRange(changes: StateChanges, { from, to }: KeyRange): StateChanges {
  const start = firstFrom(changes.keys, from)
  const end = to === null ? changes.keys.length : firstFrom(changes.keys, to)
  if (start === 0 && end === changes.keys.length) return changes
  const { task, keys, values, valueStarts, valueEnds, expiresAtMs } = changes
  const part = (all: ArrayLike<number>) => Array.from({ length: Math.max(0, end - start) }, (_, i) => all[start + i]!)
  return {
    task,
    keys: keys.slice(start, end),
    values,
    valueStarts: part(valueStarts),
    valueEnds: part(valueEnds),
    ...(expiresAtMs !== undefined && { expiresAtMs: part(expiresAtMs) }),
  }
}

/** The index of the first key that is not below `key`. */
function firstFrom(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}
