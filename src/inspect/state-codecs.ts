/**
 * How the bytes of a checkpoint become keys and values again. What the engine itself writes (MessagePack, lists,
 * aggregates, text and numbers as keys) is read without the job; codecs of the user's own are taken from the job, or given.
 */
import type { JobDefinition } from '../api/define-job.ts'
import { numberKeys } from '../api/number-keys.ts'
import { textKeys } from '../api/text-keys.ts'
import type { StateDescription } from '../checkpoint/metadata.ts'
import { MillraceError } from '../common/errors.ts'
import type { KeyCodec } from '../ports/source.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import { asPlain, messagePack } from '../state/codecs.ts'
import { listOf } from '../state/list-codec.ts'
import { type AccumulatorFields, AggregateFields, isAggregateCodec } from './aggregate-fields.ts'
import { type JobState, statesOfJob, type ValueReader } from './job-states.ts'

export interface CodecOptions {
  /** The job whose state it is, or a later version of it: its codecs and migrations are used. */
  readonly job?: JobDefinition
  /** Codecs of values, found by their names. */
  readonly codecs?: readonly ValueCodec<unknown>[]
  /** Codecs of keys and of map keys, found by their names. */
  readonly keyCodecs?: readonly KeyCodec<unknown>[]
}

/** Reads and writes values of one state, behind their version byte. */
export interface ValueFormat {
  /** Of what is written now; its version is that of the values. */
  readonly codec: ValueCodec<unknown>
  /** What the codec can write again; migrated, if the job says how. Of aggregates the accumulators. */
  readStored(version: number, buffer: Buffer, start: number, end: number): unknown
  /** What user code sees of it. */
  resultOf(stored: unknown): unknown
}

const asItIs = (value: unknown): unknown => value

/** Keys are written by name in the metadata, or were not: then they are most likely text. */
const ASSUMED_KEYS = textKeys.name

/** The key codec of `bytes()` in millrace/kafka, which nothing in here may import. */
const byteKeys: KeyCodec<Buffer> = {
  name: 'bytes',
  encode: (key) => key.toString('latin1'),
  decode: (binary) => Buffer.from(binary, 'latin1'),
}

const OWN_KEY_CODECS = [textKeys, numberKeys.keyCodec, byteKeys] as readonly KeyCodec<unknown>[]

export class StateCodecs {
  private readonly jobStates: ReadonlyMap<string, JobState>
  private readonly values: ReadonlyMap<string, ValueCodec<unknown>>
  private readonly keys: ReadonlyMap<string, KeyCodec<unknown>>

  constructor({ job, codecs = [], keyCodecs = [] }: CodecOptions) {
    const states = job === undefined ? [] : statesOfJob(job.graph)
    this.jobStates = new Map(states.map((state) => [`${state.operator}/${state.name}`, state]))
    this.values = new Map([messagePack, ...codecs].map((codec) => [codec.name, codec]))
    const jobKeys = states.flatMap(({ keyCodec, mapKeyCodec }) =>
      mapKeyCodec === undefined ? [keyCodec] : [keyCodec, mapKeyCodec],
    )
    this.keys = new Map([...OWN_KEY_CODECS, ...jobKeys, ...keyCodecs].map((codec) => [codec.name, codec]))
  }

  /** @throws MR_STATE_CODEC_UNKNOWN */
  keysOf({ operator, name, keys }: StateDescription): KeyCodec<unknown> {
    const own = keys === undefined ? this.jobStates.get(`${operator}/${name}`)?.keyCodec : undefined
    return own ?? this.keyCodec(keys ?? ASSUMED_KEYS, `the keys of ${operator}/${name}`)
  }

  /** @throws MR_STATE_CODEC_UNKNOWN */
  mapKeysOf({ operator, name, mapKeys }: StateDescription): KeyCodec<unknown> | null {
    return mapKeys === null ? null : this.keyCodec(mapKeys, `the map keys of ${operator}/${name}`)
  }

  /** @throws MR_STATE_CODEC_UNKNOWN */
  formatOf(state: StateDescription): ValueFormat {
    const place = `${state.operator}/${state.name}`
    const job = this.jobStates.get(place)
    const fields = isAggregateCodec(state.codec) ? new AggregateFields(state.codec) : undefined
    const versions = [{ version: state.codecVersion, codec: state.codec }, ...state.olderVersions]
    const readers = new Map<number, ValueReader>()
    const missing = new Map<number, () => ValueReader>()
    for (const { version, codec } of versions) {
      const own = fields?.codec.name === codec ? fields.codec : undefined
      const found = job?.readerOf(version, codec)
      // There need not be any values of an older version: its codec is asked for when one is met.
      const plain = () => ({ codec: own ?? this.valueCodec(codec, place), migrate: asItIs })
      if (found !== undefined || version === state.codecVersion) readers.set(version, found ?? plain())
      else missing.set(version, plain)
    }
    const stored = readers.get(state.codecVersion)!.codec
    const canJobRead = job?.readerOf(state.codecVersion, state.codec) !== undefined
    const ownResult = (field: string, accumulator: unknown) => job?.ownResult(field, accumulator) ?? accumulator
    return {
      // What the job reads it migrates, so it is written as the job does.
      codec: canJobRead && job?.written !== undefined ? job.written : { ...asPlain(stored), version: state.codecVersion },
      readStored: (version, buffer, start, end) => {
        const reader = readers.get(version) ?? missing.get(version)?.()
        if (reader === undefined) {
          const known = versions.map((one) => one.version).join(', ')
          throw new TypeError(`it has version ${version}; the metadata lists ${known}`)
        }
        return reader.migrate(reader.codec.decode(buffer, start, end))
      },
      resultOf: fields === undefined ? asItIs : (stored) => fields.resultsOf(stored as AccumulatorFields, ownResult),
    }
  }

  private valueCodec(name: string, place: string): ValueCodec<unknown> {
    const codec = this.values.get(name)
    if (codec !== undefined) return codec
    const element = /^list<(.*)>$/s.exec(name)?.[1]
    if (element !== undefined) return listOf(this.valueCodec(element, place))
    throw unknownCodec(name, `the values of ${place}`)
  }

  private keyCodec(name: string, what: string): KeyCodec<unknown> {
    const codec = this.keys.get(name)
    if (codec === undefined) throw unknownCodec(name, what)
    return codec
  }
}

function unknownCodec(name: string, what: string): MillraceError {
  return new MillraceError('MR_STATE_CODEC_UNKNOWN', `${what} were written by codec ${name}, which is not known here`, {
    details: { codec: name },
  })
}
