import type { StateEntry } from '../state/state-entry.ts'
import type { StateTable } from '../state/state-table.ts'
import type { Emit, RecordContext } from './record-context.ts'

/** Folds the values of each key into one, and emits it after each record. */
export function reduce(
  fn: (accumulated: unknown, value: unknown) => unknown,
  context: RecordContext,
  table: StateTable<unknown>,
  entries: readonly StateEntry<unknown>[],
  next: Emit,
): Emit {
  return (value) => {
    const entry = entries[context.index]!
    table.claim(entry)
    const reduced = entry.value === undefined ? value : fn(entry.value, value)
    entry.value = reduced
    next(reduced)
  }
}
