import { MillraceError } from '../../../src/common/errors.ts'
import { kafkaErrorName } from './kafka-errors.ts'
import { WireReader, WireWriter } from './wire.ts'

/** Versions of one request that a broker speaks, both ends included. */
export interface VersionRange {
  readonly min: number
  readonly max: number
}

/**
 * One kind of request: how it is written and how its answer is read, for every version from `minVersion` to
 * `maxVersion`. The highest version that the broker has too is used. Other folders may define their own.
 */
export interface RequestType<Input, Output> {
  readonly name: string
  readonly apiKey: number
  readonly minVersion: number
  readonly maxVersion: number
  /** From this version on lengths are compact and structures end in tag sections (KIP-482). */
  readonly firstFlexibleVersion: number
  encode(writer: WireWriter, input: Input, version: number): void
  /** The answer without its header. Must leave error codes to the caller. */
  decode(reader: WireReader, version: number): Output
}

/** The highest version that both sides speak. */
export function negotiateVersion(
  type: RequestType<never, unknown>,
  versions: ReadonlyMap<number, VersionRange>,
  broker: string,
): number {
  const offered = versions.get(type.apiKey)
  const version = offered === undefined ? -1 : Math.min(type.maxVersion, offered.max)
  if (offered !== undefined && version >= type.minVersion && version >= offered.min) return version
  const theirs = offered === undefined ? 'does not know it' : `has versions ${offered.min} to ${offered.max}`
  throw new MillraceError(
    'MR_KAFKA_VERSION',
    `${type.name} is needed in version ${type.minVersion} to ${type.maxVersion}, but broker ${broker} ${theirs}`,
    { details: { request: type.name, broker } },
  )
}

/** The whole request as chunks to be written one behind the other. */
export function encodeRequest<Input>(
  type: RequestType<Input, unknown>,
  version: number,
  correlationId: number,
  clientId: string,
  input: Input,
): Buffer[] {
  const flexible = version >= type.firstFlexibleVersion
  const body = new WireWriter(flexible)
  // The request's header, then, in one stroke, its body. The client id keeps the old form of strings in every version.
  body.int32(0) // the length, filled in below
  body.int16(type.apiKey)
  body.int16(version)
  body.int32(correlationId)
  body.legacyString(clientId)
  body.tags()
  type.encode(body, input, version)
  const chunks = body.chunks()
  let bytes = -4
  for (const chunk of chunks) bytes += chunk.length
  ;(chunks[0] as Buffer).writeInt32BE(bytes, 0)
  return chunks
}

/** `answer`: what follows the correlation id. */
export function decodeAnswer<Output>(
  type: RequestType<never, Output>,
  version: number,
  answer: Buffer,
  broker: string,
): Output {
  const reader = new WireReader(answer, version >= type.firstFlexibleVersion)
  try {
    // The answer's header ends in a tag section too, except for ApiVersions, which old clients must be able to read.
    if (type.apiKey !== API_VERSIONS_KEY) reader.tags()
    return type.decode(reader, version)
  } catch (cause) {
    throw new MillraceError(
      'MR_KAFKA_PROTOCOL',
      `the answer of broker ${broker} to ${type.name} v${version} cannot be read (${answer.length} bytes, at ${reader.at})`,
      { cause, details: { request: type.name, version, broker } },
    )
  }
}

const API_VERSIONS_KEY = 18

/** An error code in an answer that nobody higher up knows better. */
export function refusedBy(request: string, code: number, message: string | null, what = ''): MillraceError {
  const name = kafkaErrorName(code)
  const about = what === '' ? '' : ` for ${what}`
  return new MillraceError(
    'MR_KAFKA_REQUEST_REFUSED',
    `${request}${about}: Kafka answers ${name}${message ? ` (${message})` : ''}`,
    {
      details: { request, kafkaError: name, kafkaErrorCode: code },
    },
  )
}
