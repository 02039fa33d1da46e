/**
 * The watermark of a task: no record with an earlier time is expected any more. The least of its inputs' (source
 * partitions, or channels of an exchange), and never less than it was, across recovery too (R21 of docs/protocol.md).
 */

/** Before the first word of any input. */
export const NO_WATERMARK = Number.NEGATIVE_INFINITY
/** Of an input that is silent: it holds up nothing until it speaks again. */
export const IDLE = Number.POSITIVE_INFINITY

export class TaskWatermark {
  private readonly inputs = new Map<number, number>()
  private reached: number

  /** @param restored what it had reached at the restore point */
  constructor(restored: number = NO_WATERMARK) {
    this.reached = restored
  }

  /** Ms since 1970. */
  get value(): number {
    return this.reached
  }

  /** True while every input is silent. */
  get isIdle(): boolean {
    return [...this.inputs.values()].every((watermark) => watermark === IDLE)
  }

  /** An input that must be heard before the watermark moves on. */
  join(input: number): void {
    if (!this.inputs.has(input)) this.inputs.set(input, NO_WATERMARK)
  }

  advance(input: number, watermark: number): void {
    this.inputs.set(input, watermark)
    this.recompute()
  }

  /** An input that says no more: its place in the minimum is free. */
  leave(input: number): void {
    if (this.inputs.delete(input)) this.recompute()
  }

  private recompute(): void {
    let least = IDLE
    for (const watermark of this.inputs.values()) if (watermark < least) least = watermark
    if (least !== IDLE && least > this.reached) this.reached = least
  }
}
