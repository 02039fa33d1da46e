/** A map state of an operator: fetches, for a batch, the maps of its keys, or the entries of them that `reads` names. */
import type { KeyCodec } from '../ports/source.ts'
import type { HeapMap } from '../state/map-entry.ts'
import type { MapReader } from '../state/map-reader.ts'
import type { BatchFetcher } from './keyed-input.ts'

/** What a record will read. Without one, maps are fetched whole. */
export interface MapReads {
  /** Of the stage: what `keysOf` is given as key. */
  readonly recordKeyCodec: KeyCodec<unknown>
  /** Of the map. */
  readonly mapKeyCodec: KeyCodec<unknown>
  readonly keysOf: (value: unknown, key: unknown) => Iterable<unknown>
}

const NOTHING: readonly string[] = []

export class MapInput implements BatchFetcher {
  readonly reader: MapReader<unknown>
  /** Of record i. */
  readonly maps: HeapMap<unknown>[] = []
  /** The bytes of the map keys that record i names. */
  private named: string[][] = []
  private readonly reads: MapReads | undefined

  constructor(reader: MapReader<unknown>, reads: MapReads | undefined) {
    this.reader = reader
    this.reads = reads
  }

  get isFetchedWhole(): boolean {
    return this.reads === undefined
  }

  namedFor(index: number): readonly string[] {
    return this.named[index] ?? NOTHING
  }

  fetch(values: readonly unknown[], keys: readonly string[]): Promise<void> | null {
    const { reads, reader, maps } = this
    if (reads === undefined) return reader.fetchWhole(keys, maps)
    const { recordKeyCodec, mapKeyCodec, keysOf } = reads
    this.named = values.map((value, i) => {
      const named: string[] = []
      for (const mapKey of keysOf(value, recordKeyCodec.decode(keys[i]!))) named.push(mapKeyCodec.encode(mapKey))
      return named
    })
    return reader.fetchEntries(keys, this.named, maps)
  }
}
