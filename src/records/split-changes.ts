/** Cuts changes into groups of bounded size, so that nobody has to take all of them in one step. */
import type { StateChanges } from './state-changes.ts'

/** The same changes in the same order: each group has `entries` of them, the last one what is left. Values are not copied. */
export function* splitChanges(changes: readonly StateChanges[], entries: number): Generator<StateChanges[]> {
  let group: StateChanges[] = []
  let room = entries
  for (const part of changes) {
    for (let from = 0; from < part.keys.length; ) {
      const to = Math.min(part.keys.length, from + room)
      group.push(to - from === part.keys.length ? part : partOf(part, from, to))
      room -= to - from
      from = to
      if (room > 0) continue
      yield group
      group = []
      room = entries
    }
  }
  if (group.length > 0) yield group
}

function partOf(
  { task, keys, values, valueStarts, valueEnds, expiresAtMs }: StateChanges,
  from: number,
  to: number,
): StateChanges {
  return {
    task,
    keys: keys.slice(from, to),
    values,
    valueStarts: numbersOf(valueStarts, from, to),
    valueEnds: numbersOf(valueEnds, from, to),
    ...(expiresAtMs !== undefined && { expiresAtMs: numbersOf(expiresAtMs, from, to) }),
  }
}

function numbersOf(numbers: ArrayLike<number>, from: number, to: number): Float64Array {
  const part = new Float64Array(to - from)
  for (let i = from; i < to; i++) part[i - from] = numbers[i]!
  return part
}
