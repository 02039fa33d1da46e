/** Typed views of one state. */
import type { StateReading, StoredEntry } from './state-reading.ts'

export interface KeyedEntry<K, V> {
  readonly key: K
  readonly value: V
  /** Ms since 1970; null: it does not expire. */
  readonly expiresAtMs: number | null
  /** The version of the state that the value was written with. */
  readonly version: number
}

export interface MapEntry<K, M, V> extends KeyedEntry<K, V> {
  readonly mapKey: M
}

/** One value a key. Streams all of them: by task, and in it ascending by the bytes of the keys. */
export class StoredValues<V, K> implements AsyncIterable<KeyedEntry<K, V>> {
  private readonly reading: StateReading

  constructor(reading: StateReading) {
    this.reading = reading
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<KeyedEntry<K, V>> {
    for await (const part of this.reading.parts()) for (const entry of part) yield keyed<K, V>(entry)
  }

  /** Undefined: the key has none. Reads some blocks of the files, not all of them. */
  async get(key: K): Promise<V | undefined> {
    for await (const { value } of this.reading.entriesOf(key)) return value as V
    return undefined
  }
}

/** A map a key. Streams the entries of all of them: by task, and in it ascending by the bytes of key and map key. */
export class StoredMap<M, V, K> implements AsyncIterable<MapEntry<K, M, V>> {
  private readonly reading: StateReading

  constructor(reading: StateReading) {
    this.reading = reading
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<MapEntry<K, M, V>> {
    for await (const part of this.reading.parts()) for (const entry of part) yield mapped<K, M, V>(entry)
  }

  /** Undefined: the map of the key has no such entry. */
  async get(key: K, mapKey: M): Promise<V | undefined> {
    for await (const { value } of this.reading.entriesOf(key, mapKey)) return value as V
    return undefined
  }

  /** The entries of one key's map, ascending by the bytes of the map keys. */
  async *entriesOf(key: K): AsyncGenerator<MapEntry<K, M, V>> {
    for await (const entry of this.reading.entriesOf(key)) yield mapped<K, M, V>(entry)
  }
}

function keyed<K, V>({ key, value, expiresAtMs, version }: StoredEntry): KeyedEntry<K, V> {
  return { key: key as K, value: value as V, expiresAtMs, version }
}

function mapped<K, M, V>(entry: StoredEntry): MapEntry<K, M, V> {
  return { ...keyed<K, V>(entry), mapKey: entry.mapKey as M }
}
