/** How values of records become bytes and back. A serde writes either text (the quick way for JSON) or bytes. */
import type { KeyCodec } from '../../../src/ports/source.ts'

export interface Deserializer<T> {
  readonly name: string
  /** Reads bytes [start, end). The buffer is only lent. May throw anything: the record is then malformed. */
  deserialize(buffer: Buffer, start: number, end: number): T
  /**
   * Reads the values [from, to) of a batch at once, where that is quicker. Undefined: it can't, one of them may be null or
   * malformed; they are read one by one then.
   */
  readonly deserializeAll?: (
    buffer: Buffer,
    starts: ArrayLike<number>,
    ends: ArrayLike<number>,
    from: number,
    to: number,
  ) => T[] | undefined
  /** What a null value (a tombstone) is. Absent: a tombstone is malformed; `nullable` gives one. */
  readonly ofNull?: () => T
}

export type Serializer<T> =
  | { readonly name: string; readonly kind: 'text'; serialize(value: T): string }
  | { readonly name: string; readonly kind: 'bytes'; serialize(value: T): Uint8Array | null }

export interface Serde<T> extends Deserializer<T> {
  readonly serializer: Serializer<T>
}

/** A serde whose values can be keys: equal keys give equal bytes. */
export interface KeySerde<K> extends Serde<K> {
  readonly keyCodec: KeyCodec<K>
}
