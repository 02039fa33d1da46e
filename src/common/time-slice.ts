/** Lets long work share the event loop: it asks now and then whether its slice is over, and gives way. */
import type { Clock } from './clock.ts'

export class TimeSlice {
  private readonly clock: Clock
  private readonly budgetMs: number
  private endsAtMs: number

  /** @param budgetMs how long a slice holds the loop at most, if asked often enough */
  constructor(clock: Clock, budgetMs = 2) {
    this.clock = clock
    this.budgetMs = budgetMs
    this.endsAtMs = clock.monotonicMs() + budgetMs
  }

  get isOver(): boolean {
    return this.clock.monotonicMs() >= this.endsAtMs
  }

  async giveWay(): Promise<void> {
    await this.clock.turn()
    this.endsAtMs = this.clock.monotonicMs() + this.budgetMs
  }
}
