/**
 * Many short arrays of doubles, all of one width, side by side in large chunks off the V8 heap. An array of its own costs
 * 48 bytes more for each accumulator, as much again for the collector's room to move it, and a miss of the processor's
 * cache (docs/design/0005).
 */

/** Accumulators a chunk: growing copies nothing, and a small state takes little. */
const CHUNK_BITS = 10
export const CHUNK_PLACES = 1 << CHUNK_BITS
const AT_MASK = CHUNK_PLACES - 1
const NONE = -1

export class DoublesStore {
  readonly width: number
  /** The array at a place: in `chunks[place >> CHUNK_BITS]`, from `(place & AT_MASK) * width` on. */
  readonly chunks: Float64Array[] = []
  /** Places ever given. */
  private end = 0
  /** The place given back last; its first double is the one given back before it. */
  private free = NONE

  constructor(width: number) {
    this.width = width
  }

  chunk(place: number): Float64Array {
    return this.chunks[place >> CHUNK_BITS]!
  }

  /** Where in its chunk the array begins. */
  offset(place: number): number {
    return (place & AT_MASK) * this.width
  }

  /** Takes a copy of the `width` values; returns its place. */
  add(values: readonly number[]): number {
    const place = this.take()
    const chunk = this.chunk(place)
    const offset = this.offset(place)
    for (let i = 0; i < this.width; i++) chunk[offset + i] = values[i]!
    return place
  }

  /** The values at the place, into an array of the caller. */
  read(place: number, into: number[]): void {
    const chunk = this.chunk(place)
    const offset = this.offset(place)
    for (let i = 0; i < this.width; i++) into[i] = chunk[offset + i]!
  }

  /** The place is given again. */
  remove(place: number): void {
    this.chunk(place)[this.offset(place)] = this.free
    this.free = place
  }

  private take(): number {
    const { free } = this
    if (free !== NONE) {
      this.free = this.chunk(free)[this.offset(free)]!
      return free
    }
    if (this.end === this.chunks.length * CHUNK_PLACES) this.chunks.push(new Float64Array(CHUNK_PLACES * this.width))
    return this.end++
  }
}
