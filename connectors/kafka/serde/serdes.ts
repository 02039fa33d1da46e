/** The serdes that come with Millrace: JSON, text, raw bytes, and `nullable` for topics with tombstones. */
import { binaryOfText, textOfBinary, utf8Slice } from '../../../src/common/bytes.ts'
import type { KeyCodec } from '../../../src/ports/source.ts'
import { JsonReader } from './json-reader.ts'
import type { KeySerde, Serde } from './serde.ts'

/**
 * JSON in UTF-8. The type is the job's claim: nothing is checked against it.
 *
 * A value that JSON can't hold (`undefined`, a BigInt, a cycle) fails the job when it is written.
 */
export function json<T>(): Serde<T> {
  return {
    name: 'json',
    deserialize: (buffer, start, end) => JSON.parse(utf8Slice(buffer, start, end)),
    deserializeAll: new JsonReader().readAll as NonNullable<Serde<T>['deserializeAll']>,
    serializer: {
      name: 'json',
      kind: 'text',
      serialize: (value) => {
        const text = JSON.stringify(value)
        if (text === undefined) throw new TypeError(`JSON has no way to write ${typeof value}`)
        return text
      },
    },
  }
}

/** Text in UTF-8. */
export function string(): KeySerde<string> {
  return {
    name: 'string',
    deserialize: (buffer, start, end) => utf8Slice(buffer, start, end),
    serializer: { name: 'string', kind: 'text', serialize: (value) => value },
    keyCodec: utf8Keys,
  }
}

/** The bytes as they are. What is read is a copy, the user's to keep. */
export function bytes(): KeySerde<Buffer> {
  return {
    name: 'bytes',
    deserialize: (buffer, start, end) => Buffer.from(buffer.subarray(start, end)),
    serializer: { name: 'bytes', kind: 'bytes', serialize: (value) => value },
    keyCodec: { name: 'bytes', encode: (key) => key.toString('latin1'), decode: (binary) => Buffer.from(binary, 'latin1') },
  }
}

/** Lets a topic have tombstones: a null value is null to the job, and null is written as a tombstone. */
export function nullable<T>(serde: Serde<T>): Serde<T | null> {
  const { serializer } = serde
  return {
    name: `nullable(${serde.name})`,
    deserialize: (buffer, start, end) => serde.deserialize(buffer, start, end),
    ofNull: () => null,
    serializer: {
      name: `nullable(${serializer.name})`,
      kind: 'bytes',
      serialize: (value) => {
        if (value === null) return null
        return serializer.kind === 'text' ? Buffer.from(serializer.serialize(value)) : serializer.serialize(value)
      },
    },
  }
}

const utf8Keys: KeyCodec<string> = {
  name: 'string',
  encode: binaryOfText,
  decode: textOfBinary,
}
