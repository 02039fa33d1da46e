/** Invariants. A failed assertion is a bug in Millrace, never a user's mistake: those are MillraceErrors. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new AssertionError(`invariant broken: ${invariant} (this is a bug in Millrace, please report it)`)
}

/** For the end of a switch over a union: the compiler proves that it is never reached. */
export function unreachable(value: never, what: string): never {
  throw new AssertionError(`unreachable ${what}: ${JSON.stringify(value)}`)
}

/** The value, where the program knows it is there (an index within bounds, a key just set). */
export function defined<T>(value: T | undefined | null, what: string): T {
  if (value === undefined || value === null)
    throw new AssertionError(`missing ${what} (this is a bug in Millrace, please report it)`)
  return value
}
