/**
 * The hash of Kafka's default partitioner (Java client, `Utils.murmur2`, the seed included): the same key must land on
 * the same partition whoever wrote it.
 */
const SEED = 0x9747b28c
const M = 0x5bd1e995

/** Hash of `bytes[start, end)`, as a signed int32. */
export function murmur2(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start
  let h = SEED ^ length
  const lastWord = end - (length & 3)
  let p = start
  for (; p < lastWord; p += 4) {
    let k =
      (bytes[p] as number) |
      ((bytes[p + 1] as number) << 8) |
      ((bytes[p + 2] as number) << 16) |
      ((bytes[p + 3] as number) << 24)
    k = Math.imul(k, M)
    k ^= k >>> 24
    h = Math.imul(h, M) ^ Math.imul(k, M)
  }
  const rest = end - p
  if (rest === 3) h ^= (bytes[p + 2] as number) << 16
  if (rest >= 2) h ^= (bytes[p + 1] as number) << 8
  if (rest >= 1) h = Math.imul(h ^ (bytes[p] as number), M)
  h = Math.imul(h ^ (h >>> 13), M)
  return h ^ (h >>> 15)
}

/** Hash of a key kept as a latin1 string (one char, one byte): equals `murmur2` of its bytes. */
export function murmur2Latin1(key: string): number {
  const length = key.length
  let h = SEED ^ length
  const lastWord = length - (length & 3)
  let p = 0
  for (; p < lastWord; p += 4) {
    let k = key.charCodeAt(p) | (key.charCodeAt(p + 1) << 8) | (key.charCodeAt(p + 2) << 16) | (key.charCodeAt(p + 3) << 24)
    k = Math.imul(k, M)
    k ^= k >>> 24
    h = Math.imul(h, M) ^ Math.imul(k, M)
  }
  const rest = length - p
  if (rest === 3) h ^= key.charCodeAt(p + 2) << 16
  if (rest >= 2) h ^= key.charCodeAt(p + 1) << 8
  if (rest >= 1) h = Math.imul(h ^ key.charCodeAt(p), M)
  h = Math.imul(h ^ (h >>> 13), M)
  return h ^ (h >>> 15)
}

/** The partition of a key with this hash: Java's `toPositive` (the sign bit cleared, not the absolute value), then modulo. */
export function partitionForKey(hash: number, partitionCount: number): number {
  return (hash & 0x7fffffff) % partitionCount
}
