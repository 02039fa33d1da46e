/**
 * What memory gains each consumer: seconds of a worker's time a second. Each is concave and never falls, as the allocator
 * needs it, and has few parameters, all measured.
 */

/** The object cache, from what it has lost lately. */
export interface CacheFacts {
  readonly usedBytes: number
  readonly capacityBytes: number
  /** Lookups that found their entry. */
  readonly hitsPerSecond: number
  /** Misses of entries that `ghostBytes` more of cache would have kept. */
  readonly ghostHitsPerSecond: number
  readonly ghostBytes: number
  /** Of one miss: reading and decoding. */
  readonly missSeconds: number
}

/** Below so much of its capacity everything that is asked for lies in the cache: more is of no use. */
const FULL_SHARE = 0.9

/**
 * Hits grow with the logarithm of the size, as where popularity falls by Zipf's law (Breslau et al., "Web Caching and
 * Zipf-like Distributions", 1999). Its slope at the present size is what the ghosts tell (Belady's lookahead turned round:
 * ARC's ghost lists, Megiddo and Modha 2003); where nothing was evicted, that of the hits over what is used.
 *
 * @param leastBytes where the logarithm begins
 */
export function cacheGain(facts: CacheFacts, leastBytes: number): (bytes: number) => number {
  const { usedBytes, capacityBytes, hitsPerSecond, ghostHitsPerSecond, ghostBytes, missSeconds } = facts
  const isFull = usedBytes >= FULL_SHARE * capacityBytes
  const bound = isFull ? Number.POSITIVE_INFINITY : Math.max(leastBytes, usedBytes / FULL_SHARE)
  const slope = ghostBytes > 0 ? (ghostHitsPerSecond * missSeconds) / ghostBytes : 0
  const ofHits = (hitsPerSecond * missSeconds) / Math.log(1 + Math.max(usedBytes, leastBytes) / leastBytes)
  const scale = isFull ? slope * (capacityBytes + leastBytes) : ofHits
  return (bytes) => scale * Math.log(1 + Math.min(bytes, bound) / leastBytes)
}

/** The overlay: changes since the last completed checkpoint. */
export interface OverlayFacts {
  /** Bytes of changes a second, on the heap. */
  readonly fillBytesPerSecond: number
  readonly intervalSeconds: number
  /** From the trigger to the completion. */
  readonly durationSeconds: number
  /** Time of the worker that a checkpoint costs. */
  readonly checkpointSeconds: number
}

/** An early checkpoint is asked for at this share of the overlay's bound (runtime/worker-loop.ts). */
const EARLY_AT = 0.5

/** Fewer early checkpoints, and no waiting at the bound for a checkpoint that is under way. */
export function overlayGain(facts: OverlayFacts): (bytes: number) => number {
  const { fillBytesPerSecond, intervalSeconds, durationSeconds, checkpointSeconds } = facts
  return (bytes) => {
    if (fillBytesPerSecond <= 0) return 0
    const untilEarly = Math.max((EARLY_AT * bytes) / fillBytesPerSecond, Number.EPSILON)
    const early = Math.max(0, 1 / untilEarly - 1 / intervalSeconds) * checkpointSeconds
    const room = ((1 - EARLY_AT) * bytes) / (fillBytesPerSecond * Math.max(durationSeconds, Number.EPSILON))
    return 0 - early - Math.max(0, 1 - room)
  }
}

/** What is fetched ahead. */
export interface FetchFacts {
  readonly budgetBytes: number
  /** Share of the time that the worker waited for records although there were some at the broker. */
  readonly starvedShare: number
}

/** Less would hold up any job that isn't idle: about a tenth of a second of what one worker reads at most. */
const ENOUGH_BYTES = 8 * 2 ** 20
const STARVED = 0.02

/** What arrives a second grows with the budget (as a window of TCP) until the worker is never starved. */
export function fetchGain({ budgetBytes, starvedShare }: FetchFacts): (bytes: number) => number {
  const needed = starvedShare > STARVED ? budgetBytes / (1 - Math.min(starvedShare, 0.9)) : Math.min(budgetBytes, ENOUGH_BYTES)
  return (bytes) => Math.min(1, bytes / needed)
}
