import type { Emit } from './record-context.ts'

export function flatMap(fn: (value: unknown) => Iterable<unknown>, next: Emit): Emit {
  return (value) => {
    const result = fn(value)
    if (Array.isArray(result)) for (let i = 0; i < result.length; i++) next(result[i])
    else for (const one of result) next(one)
  }
}
