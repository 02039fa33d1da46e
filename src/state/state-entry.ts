/** The generation of an entry that its table has forgotten. */
const EVICTED = -1

/** One key's value of one state, live on the heap: at once the cache, the overlay and what user code holds. */
export class StateEntry<V> {
  /** The key's bytes as a binary string. */
  readonly key: string
  /** Undefined: there is no value. */
  value: V | undefined
  /**
   * The overlay generation in which it was changed last: 0 is never. What is above the generation that the backend holds
   * is pinned here, since nowhere else.
   */
  generation = 0
  /** Its place among the changes of that generation. */
  slot = 0
  /** Second-chance bit of the cache: seen since the hand passed. */
  seen = true
  /** Estimated heap bytes. */
  bytes: number
  /** When the value expires, ms since 1970; 0: never. Heeded by tables with an expiry only. */
  expiresAtMs = 0
  /** The key as user code sees it, decoded when first asked for. */
  userKey: unknown = undefined

  constructor(key: string, value: V | undefined, bytes: number) {
    this.key = key
    this.value = value
    this.bytes = bytes
  }

  /** Its table has forgotten it: the backend has its value, and another entry may stand for the key. */
  get isEvicted(): boolean {
    return this.generation === EVICTED
  }

  evict(): void {
    this.generation = EVICTED
  }
}
