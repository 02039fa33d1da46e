/** A number that grows, and waiting for it to reach another. */
export class Progress {
  #value = 0
  #changedAtMs = performance.now()
  readonly #waiting = new Set<() => void>()

  get value(): number {
    return this.#value
  }

  set(value: number): void {
    if (value === this.#value) return
    this.#value = value
    this.#changedAtMs = performance.now()
    for (const check of [...this.#waiting]) check()
  }

  /** True when the number is reached; false when it stands still for `patienceMs`. */
  reaches(target: number, patienceMs: number): Promise<boolean> {
    this.#changedAtMs = performance.now()
    return new Promise((resolve) => {
      const end = (isReached: boolean) => {
        clearInterval(timer)
        this.#waiting.delete(check)
        resolve(isReached)
      }
      const check = () => {
        if (this.#value >= target) end(true)
        else if (performance.now() - this.#changedAtMs > patienceMs) end(false)
      }
      const timer = setInterval(check, 100)
      this.#waiting.add(check)
      check()
    })
  }
}
