/**
 * How many bytes may be shared out, so that the process stays within its budget: what entries take is estimated, and the heap's
 * collector and allocators keep more than is used. So the resident memory steers: above the budget the shares shrink at
 * once; well below it, where they are used up, they grow again slowly. In between nothing changes.
 */
export interface SteerFacts {
  readonly budgetBytes: number
  /** Of the process. */
  readonly residentBytes: number
  /** Of what is shared out, what is in use. */
  readonly usedBytes: number
  readonly leastBytes: number
  readonly mostBytes: number
}

export interface Steering {
  readonly sharedBytes: number
  /** Rounds to wait: memory that was given free is given back late, if at all. */
  readonly pause: number
}

const ROOM_BELOW = 0.85
const USED_UP = 0.8
const GROWTH = 1.05
const LEAST_CUT = 0.02
const LARGEST_CUT = 0.2
const PAUSE_ROUNDS = 5

export function steer({ sharedBytes, pause }: Steering, facts: SteerFacts): Steering {
  const { budgetBytes, residentBytes, usedBytes, leastBytes, mostBytes } = facts
  const within = (bytes: number) => Math.min(Math.max(leastBytes, mostBytes), Math.max(leastBytes, Math.floor(bytes)))
  if (pause > 0) return { sharedBytes: within(sharedBytes), pause: pause - 1 }
  if (residentBytes > budgetBytes) {
    // From what is in use: shares that are not used up are not what took the memory.
    const from = Math.min(sharedBytes, Math.max(usedBytes, leastBytes))
    const cut = Math.max(residentBytes - budgetBytes, LEAST_CUT * from)
    return { sharedBytes: within(from - Math.min(cut, LARGEST_CUT * from)), pause: PAUSE_ROUNDS }
  }
  const mayGrow = residentBytes < ROOM_BELOW * budgetBytes && usedBytes > USED_UP * sharedBytes
  return { sharedBytes: within(mayGrow ? sharedBytes * GROWTH : sharedBytes), pause: 0 }
}
