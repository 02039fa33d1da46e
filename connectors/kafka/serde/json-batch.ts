/**
 * Parses the JSON values of a whole batch with one call: `[v0,M,v1,M,v2]`, which takes two thirds of the time of a call
 * for each (a native call, a string and a parser set up for every record otherwise).
 *
 * M is a number that nobody can know: drawn when the process starts. It keeps malformed values from making up for one
 * another: `{"a":[{}` , `{}]}` and `{},{}` are three values and, joined by commas, three good ones, yet none of them is
 * what was written. With M between them, each value must be whole by itself: whatever spans two of them has swallowed an
 * M, and one is missing where it belongs.
 */
import { randomInt } from 'node:crypto'
import { utf8Slice } from '../../../src/common/bytes.ts'

// Below 2^30, which V8 holds without an object of its own.
const MARK = randomInt(100_000_000, 2 ** 30)
const SEPARATOR = Buffer.from(`,${MARK},`)
const OPEN = '['.charCodeAt(0)
const CLOSE = ']'.charCodeAt(0)

/** Beyond this the values are so large that a call for each costs nothing beside them. */
const MAX_JOINED_BYTES = 1024 * 1024

let joined = Buffer.allocUnsafeSlow(64 * 1024)

/** The values [from, to), or undefined: one of them is null or not JSON, or they are too large. Then parse them one by one. */
export function parseJsonBatch(
  buffer: Buffer,
  starts: ArrayLike<number>,
  ends: ArrayLike<number>,
  from: number,
  to: number,
): unknown[] | undefined {
  let bytes = 2 + (to - from) * SEPARATOR.length
  for (let i = from; i < to; i++) {
    if (starts[i]! < 0) return undefined
    bytes += ends[i]! - starts[i]!
  }
  if (bytes > MAX_JOINED_BYTES) return undefined
  if (bytes > joined.length) joined = Buffer.allocUnsafeSlow(Math.min(MAX_JOINED_BYTES, 2 * bytes))
  joined[0] = OPEN
  let at = 1
  for (let i = from; i < to; i++) {
    if (i > from) at += SEPARATOR.copy(joined, at)
    at += buffer.copy(joined, at, starts[i]!, ends[i]!)
  }
  joined[at++] = CLOSE
  let parsed: unknown[]
  try {
    parsed = JSON.parse(utf8Slice(joined, 0, at))
  } catch {
    return undefined
  }
  const count = to - from
  if (parsed.length !== Math.max(0, 2 * count - 1)) return undefined
  for (let i = 1; i < count; i++) {
    if (parsed[2 * i - 1] !== MARK) return undefined
    parsed[i] = parsed[2 * i]
  }
  parsed.length = count
  return parsed
}
