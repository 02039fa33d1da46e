/**
 * Values that say which version of their state they were written with: one byte in front of what the codec writes. So a
 * job with a new shape reads what older ones have left, each value when it is first asked for, and what it changes is
 * written in the new shape.
 */
import type { ByteWriter } from '../common/byte-writer.ts'
import { MillraceError } from '../common/errors.ts'
import type { ValueCodec } from '../ports/value-codec.ts'

/** How values of one older version are read. */
export interface Migration {
  /** That wrote them. */
  readonly codec: ValueCodec<unknown>
  /** Into the present shape. */
  readonly migrate: (old: unknown) => unknown
}

/**
 * @param codec writes and reads the present version, which is its own
 * @param migrations older version → how it is read
 * @param state for messages
 */
export function versioned(
  codec: ValueCodec<unknown>,
  migrations: ReadonlyMap<number, Migration>,
  state: string,
): ValueCodec<unknown> {
  const { version } = codec
  return {
    name: codec.name,
    version,
    encode(value, out: ByteWriter) {
      const at = out.reserve(1)
      out.buffer[at] = version
      out.position = at + 1
      codec.encode(value, out)
    },
    decode(buffer, start, end) {
      const found = buffer[start]
      if (found === version) return codec.decode(buffer, start + 1, end)
      const migration = found === undefined ? undefined : migrations.get(found)
      if (migration === undefined) {
        throw new MillraceError(
          'MR_STATE_INCOMPATIBLE',
          `a value of state ${state} has version ${found}; the job reads version ${[...migrations.keys(), version].join(', ')}`,
        )
      }
      return migration.migrate(migration.codec.decode(buffer, start + 1, end))
    },
  }
}
