/** Requests about the settings of topics and brokers. */
import type { RequestType } from '../request-type.ts'

export type ConfigResource = { readonly topic: string } | { readonly broker: number }

export interface ConfigResult {
  readonly resourceName: string
  readonly errorCode: number
  readonly message: string | null
  /** Values as the broker writes them; null where it keeps them secret. */
  readonly values: ReadonlyMap<string, string | null>
}

const TOPIC = 2
const BROKER = 4

const typeOf = (resource: ConfigResource): number => ('topic' in resource ? TOPIC : BROKER)
const nameOf = (resource: ConfigResource): string => ('topic' in resource ? resource.topic : String(resource.broker))

export const DescribeConfigs: RequestType<
  { resource: ConfigResource; names: readonly string[] | null },
  readonly ConfigResult[]
> = {
  name: 'DescribeConfigs',
  apiKey: 32,
  minVersion: 1,
  maxVersion: 2,
  firstFlexibleVersion: 4,
  encode(writer, input) {
    writer.array([input.resource], (resource) => {
      writer.int8(typeOf(resource))
      writer.string(nameOf(resource))
      if (input.names === null) writer.nullArray()
      else writer.array(input.names, (name) => writer.string(name))
    })
    writer.boolean(false) // synonyms
  },
  decode(reader) {
    reader.int32() // throttle time
    return reader.array(() => {
      const errorCode = reader.int16()
      const message = reader.nullableString()
      reader.int8()
      const resourceName = reader.string()
      const values = new Map<string, string | null>()
      reader.array(() => {
        const name = reader.string()
        values.set(name, reader.nullableString())
        reader.boolean() // read only
        reader.int8() // source
        reader.boolean() // sensitive
        reader.array(() => {
          reader.string()
          reader.nullableString()
          reader.int8()
        })
      })
      return { resourceName, errorCode, message, values }
    })
  },
}

/** Sets the named values and leaves the others as they are (KIP-339). */
export const IncrementalAlterConfigs: RequestType<
  { resource: ConfigResource; set: Readonly<Record<string, string>> },
  ReadonlyArray<{ resourceName: string; errorCode: number; message: string | null }>
> = {
  name: 'IncrementalAlterConfigs',
  apiKey: 44,
  minVersion: 0,
  maxVersion: 0,
  firstFlexibleVersion: 1,
  encode(writer, input) {
    writer.array([input.resource], (resource) => {
      writer.int8(typeOf(resource))
      writer.string(nameOf(resource))
      writer.array(Object.entries(input.set), ([name, value]) => {
        writer.string(name)
        writer.int8(0) // set
        writer.nullableString(value)
      })
    })
    writer.boolean(false) // validate only
  },
  decode(reader) {
    reader.int32() // throttle time
    return reader.array(() => {
      const errorCode = reader.int16()
      const message = reader.nullableString()
      reader.int8()
      return { resourceName: reader.string(), errorCode, message }
    })
  },
}
