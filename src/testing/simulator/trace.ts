/** What happened, as a digest of every event; as lines too, where somebody wants to read them. */
import type { EventOwner } from './event-queue.ts'

/** The end of a long run is what tells why it went wrong. */
const MAX_LINES = 200_000

export class Trace {
  readonly lines: string[] = []
  readonly keepsLines: boolean
  private readonly ids = new Map<string, number>()
  private readonly time = new Float64Array(1)
  private readonly timeWords = new Uint32Array(this.time.buffer)
  private low = 0x811c9dc5
  private high = 0x01000193

  constructor(keepsLines: boolean) {
    this.keepsLines = keepsLines
  }

  get digest(): string {
    return hex(this.high) + hex(this.low)
  }

  add(atMs: number, owner: EventOwner | null, what: string): void {
    this.time[0] = atMs
    this.mix(this.timeWords[0]!)
    this.mix(this.timeWords[1]!)
    this.mix(owner === null ? 0xffff : owner.index)
    this.mix(this.idOf(what))
    this.comment(atMs, owner, what)
  }

  /** A line that doesn't count: it may tell what differs from run to run. */
  comment(atMs: number, owner: EventOwner | null, what: string): void {
    if (!this.keepsLines) return
    this.lines.push(`${atMs.toFixed(3).padStart(12)} ${(owner?.name ?? '-').padEnd(8)} ${what}`)
    if (this.lines.length > MAX_LINES) this.lines.splice(0, MAX_LINES / 2)
  }

  /** Labels are few: each is hashed once. */
  private idOf(what: string): number {
    let id = this.ids.get(what)
    if (id === undefined) {
      id = 0x811c9dc5
      for (let i = 0; i < what.length; i++) id = Math.imul(id ^ what.charCodeAt(i), 0x01000193)
      this.ids.set(what, id)
    }
    return id
  }

  /** Two rows of FNV-1a over 32-bit words. */
  private mix(word: number): void {
    this.low = Math.imul(this.low ^ word, 0x01000193)
    this.high = Math.imul((this.high ^ word) + (this.low >>> 15), 0x85ebca6b)
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
