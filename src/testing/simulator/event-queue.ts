/** Events by time; those of the same time in the order in which they were added. A binary heap. */
/** A process, as the scheduler sees it. */
export interface EventOwner {
  readonly name: string
  readonly index: number
  readonly isAlive: boolean
  readonly isPaused: boolean
  /** It is paused, and the event due. */
  hold(event: SimulatedEvent): void
}

export interface SimulatedEvent {
  atMs: number
  sequence: number
  /** Whose memory it works on; null: the world's (servers, network). */
  readonly owner: EventOwner | null
  /** For the trace: one of few texts. */
  readonly label: string
  /** Null: called off. */
  run: (() => void) | null
}

export class EventQueue {
  private readonly heap: SimulatedEvent[] = []

  get size(): number {
    return this.heap.length
  }

  push(event: SimulatedEvent): void {
    const { heap } = this
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >>> 1
      const above = heap[parent]!
      if (!isBefore(event, above)) break
      heap[at] = above
      at = parent
    }
    heap[at] = event
  }

  peek(): SimulatedEvent | undefined {
    return this.heap[0]
  }

  pop(): SimulatedEvent | undefined {
    const { heap } = this
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || first === last) return first
    const { length } = heap
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= length) break
      if (child + 1 < length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

function isBefore(a: SimulatedEvent, b: SimulatedEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.sequence < b.sequence)
}
