/** One reader that throws must not hide all other metrics. */
export function readSafely(read: () => number): number {
  try {
    return read()
  } catch {
    return Number.NaN
  }
}
