/** What has to be undone at the end, however it comes: in reverse order, each once, none kept from it by another's failure. */
export class Cleanup {
  readonly #steps: { readonly what: string; readonly undo: () => Promise<unknown> }[] = []

  /** @param what for the message when it fails: "deleting the topics" */
  add(what: string, undo: () => Promise<unknown>): void {
    this.#steps.push({ what, undo })
  }

  /** What failed. May be called again: what was undone is not undone twice. */
  async run(): Promise<string[]> {
    const failures: string[] = []
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo()
      } catch (error) {
        failures.push(`${step.what} failed: ${(error as Error).message}`)
      }
    }
    return failures
  }
}
