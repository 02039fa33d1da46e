/** A merge sort that gives way to the event loop: hundreds of thousands of keys may have changed between two cuts. */
import type { TimeSlice } from '../common/time-slice.ts'

/** Keys sorted in one go: about half a millisecond. */
const RUN = 1024

/** The order of `keys` ascending: indices. Keys are binary strings, so `<` is the order of their bytes. */
export async function sortedOrder(keys: readonly string[], slice: TimeSlice): Promise<Int32Array> {
  const count = keys.length
  let from = new Int32Array(count)
  for (let i = 0; i < count; i++) from[i] = i
  const byKey = (a: number, b: number) => (keys[a]! < keys[b]! ? -1 : keys[a] === keys[b] ? 0 : 1)
  for (let start = 0; start < count; start += RUN) {
    from.subarray(start, Math.min(start + RUN, count)).sort(byKey)
    if (slice.isOver) await slice.giveWay()
  }
  let into = new Int32Array(count)
  for (let width = RUN; width < count; width *= 2) {
    for (let start = 0; start < count; start += 2 * width) {
      const middle = Math.min(start + width, count)
      const end = Math.min(start + 2 * width, count)
      let left = start
      let right = middle
      for (let at = start; at < end; at++) {
        const takeLeft = left < middle && (right >= end || keys[from[left]!]! <= keys[from[right]!]!)
        into[at] = takeLeft ? from[left++]! : from[right++]!
        if ((at & 2047) === 2047 && slice.isOver) await slice.giveWay()
      }
    }
    ;[from, into] = [into, from]
  }
  return from
}
