/**
 * Accumulators of `aggregate` and `aggregatingState` without the job: the codec's name in the metadata says which fields
 * there are, and what each is (operators/aggregate.ts makes it). Own aggregates come as their accumulators.
 */
import { avg, count, max, min, type NumericAggregate, sum } from '../api/aggregates.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import { doubles, float64Array, messagePack } from '../state/codecs.ts'

/**
 * By field: of `count`, `sum`, `min` and `max` the number, of `avg` its two, of own aggregates the accumulator. Nothing is
 * lost by it, so it can be written again; `resultsOf` makes what user code sees.
 */
export type AccumulatorFields = Readonly<Record<string, unknown>>

export interface AverageParts {
  readonly sum: number
  readonly count: number
}

interface Field {
  readonly name: string
  readonly aggregate: string
}

const NUMERIC = { count, sum, min, max, avg } as const

const FORM = /^aggregate\((.*)\)$/s

export function isAggregateCodec(codec: string): boolean {
  return FORM.test(codec)
}

/** @param codec name of the codec, `aggregate(field:kind,…)` */
export class AggregateFields {
  readonly codec: ValueCodec<unknown>
  private readonly fields: readonly Field[]
  private readonly width: number

  constructor(codec: string) {
    this.fields = fieldsOf(codec)
    this.width = this.fields.reduce((width, { aggregate }) => width + (numericOf(aggregate)?.width ?? 0), 0)
    const numbers = float64Array(this.width) as ValueCodec<unknown>
    const areAllNumeric = this.fields.every(({ aggregate }) => numericOf(aggregate) !== undefined)
    const base = areAllNumeric ? numbers : messagePack
    this.codec = {
      name: codec,
      version: base.version,
      encode: (value, out) => {
        const [slots, own] = this.join(value as AccumulatorFields)
        base.encode(areAllNumeric ? slots : [slots, own], out)
      },
      decode: (buffer, start, end) => {
        if (areAllNumeric && end - start === 8 * this.width) return this.split(base.decode(buffer, start, end) as number[], [])
        const [slots, own] = messagePack.decode(buffer, start, end) as [number[], unknown[]]
        return this.split(slots, own)
      },
    }
  }

  /** @param ownResult of an own aggregate; by default its accumulator is what is seen */
  resultsOf(fields: AccumulatorFields, ownResult: (field: string, accumulator: unknown) => unknown): Record<string, unknown> {
    const results: Record<string, unknown> = {}
    for (const { name, aggregate } of this.fields) {
      const value = fields[name]
      if (aggregate === 'avg') results[name] = (value as AverageParts).sum / (value as AverageParts).count
      else results[name] = numericOf(aggregate) === undefined ? ownResult(name, value) : value
    }
    return results
  }

  private split(slots: readonly number[], own: readonly unknown[]): AccumulatorFields {
    const ownFields = this.fields.filter(({ aggregate }) => numericOf(aggregate) === undefined)
    if (slots.length !== this.width || own.length !== ownFields.length) {
      throw new TypeError(`${slots.length} numbers and ${own.length} accumulators do not fit the aggregates`)
    }
    const fields: Record<string, unknown> = {}
    let at = 0
    let ownAt = 0
    for (const { name, aggregate } of this.fields) {
      const numeric = numericOf(aggregate)
      if (numeric === undefined) fields[name] = own[ownAt++]
      else if (aggregate === 'avg') fields[name] = { sum: slots[at]!, count: slots[at + 1]! } satisfies AverageParts
      else fields[name] = slots[at]!
      at += numeric?.width ?? 0
    }
    return fields
  }

  private join(fields: AccumulatorFields): [number[], unknown[]] {
    const slots: number[] = []
    const own: unknown[] = []
    for (const { name, aggregate } of this.fields) {
      const value = fields[name]
      const numeric = numericOf(aggregate)
      if (numeric === undefined) own.push(value)
      else if (aggregate === 'avg') slots.push((value as AverageParts).sum, (value as AverageParts).count)
      else slots.push(value as number)
    }
    if (slots.some((slot) => typeof slot !== 'number')) throw new TypeError('a field of the aggregates is not a number')
    return [doubles(slots), own]
  }
}

function numericOf(aggregate: string): NumericAggregate<unknown, number> | undefined {
  if (!Object.hasOwn(NUMERIC, aggregate)) return undefined
  return NUMERIC[aggregate as keyof typeof NUMERIC](() => 0)
}

/** A field's name may hold commas and colons: what has no colon belongs to the next piece. */
function fieldsOf(codec: string): Field[] {
  const fields: Field[] = []
  let open = ''
  for (const piece of (FORM.exec(codec)?.[1] ?? '').split(',')) {
    const text = open + piece
    const colon = text.lastIndexOf(':')
    if (colon < 0) {
      open = `${text},`
      continue
    }
    fields.push({ name: text.slice(0, colon), aggregate: text.slice(colon + 1) })
    open = ''
  }
  return fields
}
