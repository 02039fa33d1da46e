/** Consumers with concave gains, for tests. */
import fc from 'fast-check'
import type { Consumer } from './allocate.ts'

export interface Shape {
  readonly scale: number
  readonly knee: number
  readonly minimumBytes: number
  readonly room: number
}

/** Units of 1 make sizes readable. */
export function consumerOf({ scale, knee, minimumBytes, room }: Shape, name: string, factor = 1): Consumer {
  const gain = (bytes: number) => factor * scale * Math.log(1 + Math.min(bytes, minimumBytes + room) / knee)
  return { name, minimumBytes, maximumBytes: minimumBytes + room, gain }
}

export const anyShape: fc.Arbitrary<Shape> = fc.record({
  scale: fc.double({ min: 0, max: 1, noNaN: true }),
  knee: fc.integer({ min: 1, max: 50 }),
  minimumBytes: fc.integer({ min: 0, max: 20 }),
  room: fc.integer({ min: 0, max: 60 }),
})

export const anyConsumers = fc
  .array(anyShape, { minLength: 1, maxLength: 4 })
  .map((shapes) => shapes.map((shape, i) => consumerOf(shape, `c${i}`)))
