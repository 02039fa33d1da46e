/** What states have in common: how their values are written, which versions there were, how long they live. */
import { MillraceError } from '../common/errors.ts'
import { parseDurationMs } from '../config/units.ts'
import type { MigrationSpec, StateFormat } from '../graph/job-graph.ts'
import { HIGHEST_STATE_VERSION, type ValueCodec } from '../ports/value-codec.ts'
import type { TimeToLive } from '../records/time-to-live.ts'

/** Milliseconds, or text: `30m`, `90d`. */
export type Duration = number | string

/** How long values live after they were written, or also after they were read. */
export type TtlOption = Duration | { readonly after: Duration; readonly refresh?: 'write' | 'read-and-write' }

/** What `migration` makes. */
export interface CodecMigration<V> {
  readonly codec: ValueCodec<unknown>
  readonly migrate: (old: never) => V
}

/** From values of an older version to present ones: a function, where the codec is still the same. */
export type Migration<V> = ((old: never) => V) | CodecMigration<V>

/** A migration from values that another codec has written. */
export function migration<O, V>(codec: ValueCodec<O>, migrate: (old: O) => V): CodecMigration<V> {
  return { codec: codec as ValueCodec<unknown>, migrate: migrate as (old: never) => V }
}

export interface StateOptions<V> {
  /** How values are written. Default: MessagePack. */
  readonly codec?: ValueCodec<V>
  /** Of the values' shape and codec, 1 to 255: raise it with each change of either. Default: that of the codec, for MessagePack 1. */
  readonly version?: number
  /** For each older version that there may still be values of: how they become present ones. */
  readonly migrations?: Readonly<Record<number, Migration<V>>>
  /** Default: values live until they are removed. */
  readonly ttl?: TtlOption
}

/** @throws MR_JOB_INVALID_STATE */
export function stateFormat<V>(options: StateOptions<V> = {}): StateFormat {
  const { codec, version = codec?.version, migrations = {} } = options
  checkVersion(version ?? 1)
  const byVersion = new Map<number, MigrationSpec>()
  for (const [text, given] of Object.entries(migrations)) {
    const from = Number(text)
    checkVersion(from)
    if (from >= (version ?? 1)) {
      throw invalid(`there is a migration from version ${from}, and the present version is ${version ?? 1}`)
    }
    const spec = typeof given === 'function' ? { codec: undefined, migrate: given } : given
    byVersion.set(from, spec as MigrationSpec)
  }
  return {
    codec: codec as ValueCodec<unknown> | undefined,
    version,
    migrations: byVersion,
    ttl: timeToLive(options.ttl),
  }
}

/** @throws MR_JOB_INVALID_STATE */
export function timeToLive(option: TtlOption | undefined): TimeToLive | undefined {
  if (option === undefined) return undefined
  const { after, refresh = 'write' } = typeof option === 'object' ? option : { after: option }
  const afterMs = parseDurationMs(after)
  if (afterMs === undefined || afterMs === 0) {
    throw invalid(`a time to live is ${JSON.stringify(after)}, which is no duration such as 90s, 30m or 7d`)
  }
  if (refresh !== 'write' && refresh !== 'read-and-write') {
    throw invalid(`a time to live is refreshed on ${JSON.stringify(refresh)}, which is neither 'write' nor 'read-and-write'`)
  }
  return { afterMs, refresh }
}

function checkVersion(version: number): void {
  if (Number.isInteger(version) && version >= 1 && version <= HIGHEST_STATE_VERSION) return
  throw invalid(`a version of a state is ${version}, which is no integer from 1 to ${HIGHEST_STATE_VERSION}`)
}

function invalid(message: string): MillraceError {
  return new MillraceError('MR_JOB_INVALID_STATE', message)
}
