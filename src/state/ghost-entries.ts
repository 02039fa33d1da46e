/**
 * Remembers what the object cache has evicted lately, by hashes alone, to tell how many misses a larger cache would have
 * spared (ghost lists, as of ARC: Megiddo and Modha, 2003). A sample: of each `SAMPLE` keys one is looked at, so that the same
 * 64 Ki slots reach back over half a million evictions.
 */

const SLOTS = 2 ** 16
export const SAMPLE = 8

export interface GhostFigures {
  /** Misses of entries that are remembered: estimated, of all keys. */
  readonly hits: number
  /** What keeping all that is remembered would have taken. */
  readonly bytes: number
}

export class GhostEntries {
  /** Hash and size, by the low bits of the hash; 0: free. */
  private readonly hashes = new Int32Array(SLOTS)
  private readonly sizes = new Int32Array(SLOTS)
  private rememberedBytes = 0
  private hits = 0

  evicted(stateId: number, key: string, bytes: number): void {
    const hash = hashOf(stateId, key)
    if (!isSampled(hash)) return
    const slot = slotOf(hash)
    this.rememberedBytes += bytes - this.sizes[slot]!
    this.hashes[slot] = hash
    this.sizes[slot] = bytes
  }

  missed(stateId: number, key: string): void {
    const hash = hashOf(stateId, key)
    if (!isSampled(hash)) return
    const slot = slotOf(hash)
    if (this.hashes[slot] !== hash) return
    this.hits++
    // It is in the cache again.
    this.rememberedBytes -= this.sizes[slot]!
    this.hashes[slot] = 0
    this.sizes[slot] = 0
  }

  /** Hits since it was last asked. */
  take(): GhostFigures {
    const figures = { hits: this.hits * SAMPLE, bytes: this.rememberedBytes * SAMPLE }
    this.hits = 0
    return figures
  }
}

/** FNV-1a, mixed once more: its low bits alone are weak. Never 0. */
function hashOf(stateId: number, key: string): number {
  let hash = 0x811c9dc5 ^ stateId
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (hash ^ (hash >>> 13)) | 0 || 1
}

function isSampled(hash: number): boolean {
  return (hash >>> 16) % SAMPLE === 0
}

function slotOf(hash: number): number {
  return hash & (SLOTS - 1)
}
