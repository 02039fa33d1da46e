/**
 * Runs asynchronous steps one after another in the order they were asked for. A step that fails rejects its own promise
 * and does not keep later ones from running.
 */
export class SerialQueue {
  private tail: Promise<unknown> = Promise.resolve()

  run<T>(step: () => Promise<T>): Promise<T> {
    const result = this.tail.then(step)
    this.tail = result.catch(() => {})
    return result
  }

  /** Resolves when all that was asked for so far has ended. */
  async idle(): Promise<void> {
    await this.tail
  }
}
