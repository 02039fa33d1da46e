import type { Emit } from './record-context.ts'

export function map(fn: (value: unknown) => unknown, next: Emit): Emit {
  return (value) => next(fn(value))
}
