/** Choices that a seed repeats. */

/** A whole number from 0 up to below its argument. */
export type Random = (below: number) => number

/** By a linear congruential generator (Numerical Recipes), whose low bits are weak and left out. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (state >>> 8) % below
  }
}

/** MILLRACE_ITEST_SEED, or a new one each time. */
export function seedOfRun(): number {
  return Number(process.env.MILLRACE_ITEST_SEED || Date.now() % 1_000_000)
}
