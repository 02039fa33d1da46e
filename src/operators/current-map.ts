/** A map state as the code of `process` holds it: always the map of the current key. */
import { MillraceError } from '../common/errors.ts'
import type { MapStateSpec } from '../graph/job-graph.ts'
import type { HeapMap, MapEntry } from '../state/map-entry.ts'
import type { MapInput } from './map-input.ts'
import type { RecordContext } from './record-context.ts'

export class CurrentMap {
  private readonly name: string
  private readonly spec: MapStateSpec
  private readonly context: RecordContext
  private readonly input: MapInput
  /** Map keys that this call has set or loaded. */
  private readonly touched = new Set<string>()

  constructor(name: string, spec: MapStateSpec, context: RecordContext, input: MapInput) {
    this.name = name
    this.spec = spec
    this.context = context
    this.input = input
  }

  /** Before each record. */
  begin(): void {
    if (this.touched.size > 0) this.touched.clear()
  }

  get(key: unknown): unknown {
    const mapKey = this.spec.keyCodec.encode(key)
    // What isn't named must not be had by luck, because it happens to be on the heap: not in a test either.
    if (!this.input.isFetchedWhole && !this.isFetched(mapKey)) throw this.notFetched(`get(${JSON.stringify(key)})`)
    return this.read(this.map.entries.get(mapKey))
  }

  has(key: unknown): boolean {
    return this.get(key) !== undefined
  }

  set(key: unknown, value: unknown): void {
    this.write(this.spec.keyCodec.encode(key), value)
  }

  delete(key: unknown): void {
    const { map, input } = this
    const mapKey = this.spec.keyCodec.encode(key)
    if (!map.isWhole || map.entries.has(mapKey)) this.write(mapKey, undefined)
    else if (!input.isFetchedWhole) this.touched.add(mapKey)
  }

  clear(): void {
    if (!this.input.isFetchedWhole) throw this.notFetched('clear()')
    const { table } = this.input.reader
    for (const entry of this.map.entries.values()) {
      if (entry.value === undefined) continue
      table.claim(entry)
      entry.value = undefined
    }
  }

  *entries(): IterableIterator<[unknown, unknown]> {
    if (!this.input.isFetchedWhole) throw this.notFetched('entries()')
    const { map } = this
    // Sorted: the order in which the heap has them is another one after a restore.
    for (const mapKey of [...map.entries.keys()].sort()) {
      const value = this.read(map.entries.get(mapKey))
      if (value !== undefined) yield [this.spec.keyCodec.decode(mapKey), value]
    }
  }

  *keys(): IterableIterator<unknown> {
    for (const [key] of this.entries()) yield key
  }

  *values(): IterableIterator<unknown> {
    for (const [, value] of this.entries()) yield value
  }

  async load(key: unknown): Promise<unknown> {
    const mapKey = this.spec.keyCodec.encode(key)
    const entry = await this.input.reader.loadEntry(this.map, mapKey)
    this.touched.add(mapKey)
    return this.read(entry)
  }

  async *scan(): AsyncIterableIterator<[unknown, unknown]> {
    for await (const { mapKey, value } of this.input.reader.scan(this.map)) yield [this.spec.keyCodec.decode(mapKey), value]
  }

  private get map(): HeapMap<unknown> {
    return this.input.maps[this.context.index]!
  }

  private isFetched(mapKey: string): boolean {
    return this.input.namedFor(this.context.index).includes(mapKey) || this.touched.has(mapKey)
  }

  private read(entry: MapEntry<unknown> | undefined): unknown {
    if (entry === undefined) return undefined
    entry.seen = true
    this.input.reader.table.protect(entry)
    return entry.value
  }

  private write(mapKey: string, value: unknown): void {
    const { table } = this.input.reader
    const entry = table.entryOf(this.map, mapKey)
    table.claim(entry)
    entry.value = value
    if (!this.input.isFetchedWhole) this.touched.add(mapKey)
  }

  private notFetched(call: string): MillraceError {
    return new MillraceError('MR_STATE_NOT_FETCHED', `${call} of map state ${this.name}, which its reads did not name`)
  }
}
