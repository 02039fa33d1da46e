import type { Emit } from './record-context.ts'

export function filter(fn: (value: unknown) => boolean, next: Emit): Emit {
  return (value) => {
    if (fn(value)) next(value)
  }
}
