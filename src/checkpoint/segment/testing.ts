/** Helpers of this folder's tests: entries as plain arrays, and fast-check arbitraries of them. */
import fc from 'fast-check'
import type { StateChanges } from '../../records/state-changes.ts'
import { StateChangesBuilder } from '../../records/state-changes-builder.ts'

/** key, value or null for a deletion, when it expires or 0 */
export type Entry = [key: string, value: string | null, expiresAtMs: number]

export function changesOf(task: string, entries: readonly Entry[]): StateChanges {
  const builder = new StateChangesBuilder(task)
  for (const [key, value, expiresAtMs] of sorted(entries)) {
    if (value === null) builder.delete(key)
    else builder.put(key, Buffer.from(value, 'latin1'), expiresAtMs)
  }
  return builder.build()
}

export function entriesOf(parts: Iterable<StateChanges>): Entry[] {
  const entries: Entry[] = []
  for (const { keys, values, valueStarts, valueEnds, expiresAtMs } of parts) {
    for (const [i, key] of keys.entries()) {
      const value = valueStarts[i]! < 0 ? null : values.toString('latin1', valueStarts[i], valueEnds[i])
      entries.push([key, value, value === null ? 0 : (expiresAtMs?.[i] ?? 0)])
    }
  }
  return entries
}

export const sorted = (entries: readonly Entry[]): Entry[] => [...entries].sort(([a], [b]) => (a < b ? -1 : 1))

const bytesAsText = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'))

const anyKey = fc.oneof(
  bytesAsText(6),
  // Long common prefixes, and keys longer than the decoder's first buffer.
  fc.tuple(fc.constantFrom('customer-', 'x'.repeat(300)), bytesAsText(4)).map(([prefix, rest]) => prefix + rest),
)
const anyEntry: fc.Arbitrary<Entry> = fc
  .tuple(anyKey, fc.option(bytesAsText(60), { freq: 4 }), fc.constantFrom(0, 0, 1, 1_700_000_000_000, 2 ** 53 - 1))
  .map(([key, value, expiresAtMs]) => [key, value, value === null ? 0 : expiresAtMs])

export const anyEntries = (maxLength: number): fc.Arbitrary<Entry[]> =>
  fc.uniqueArray(anyEntry, { maxLength, selector: ([key]) => key }).map(sorted)
