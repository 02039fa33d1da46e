/** The state of a task without what is dropped, and with mapped values. */
import { ByteWriter } from '../../common/byte-writer.ts'
import { isMillraceError, MillraceError, toError } from '../../common/errors.ts'
import { ALL_KEYS } from '../../records/changes-in-range.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import { StateChangesBuilder } from '../../records/state-changes-builder.ts'
import type { TaskKey } from '../../records/task-id.ts'
import { type LiveReading, liveChanges } from '../live-changes.ts'
import type { StateReading } from '../state-reading.ts'
import type { StateMapping } from './rewrite-plan.ts'

/** Of one state. */
export interface ValueChange {
  readonly mapping: StateMapping
  readonly reading: StateReading
}

export interface StateChange {
  readonly reading: LiveReading
  /** The ids of states that stay. */
  readonly kept: ReadonlySet<number>
  /** By the state's id. */
  readonly changes: ReadonlyMap<number, ValueChange>
}

/** Ascending by key. What no function maps stays as it is, byte by byte: it is not decoded. */
export function changedState(change: StateChange, task: TaskKey): AsyncGenerator<StateChanges> {
  return changed(change, liveChanges(change.reading, task, ALL_KEYS))
}

/** Those of a task, ascending by key. */
export async function* changed(change: StateChange, state: AsyncIterable<StateChanges>): AsyncGenerator<StateChanges> {
  const out = new ByteWriter()
  for await (const part of state) {
    const builder = new StateChangesBuilder(part.task)
    for (let i = 0; i < part.keys.length; i++) {
      const key = part.keys[i]!
      const id = (key.charCodeAt(0) << 8) | key.charCodeAt(1)
      if (!change.kept.has(id)) continue
      const valueChange = change.changes.get(id)
      const value =
        valueChange === undefined
          ? part.values.subarray(part.valueStarts[i], part.valueEnds[i])
          : await mappedValue(valueChange, part, i, out)
      if (value !== undefined) builder.put(key, value, part.expiresAtMs?.[i] ?? 0)
    }
    if (builder.entries > 0) yield builder.build()
  }
}

async function mappedValue(
  { mapping, reading }: ValueChange,
  part: StateChanges,
  i: number,
  out: ByteWriter,
): Promise<Buffer | undefined> {
  const { value, ...entry } = reading.storedAt(part, i)
  const { operator, name } = reading.state
  try {
    const mapped = await mapping(value, entry)
    if (mapped === undefined) return undefined
    out.reset()
    reading.encode(mapped, out)
    return Buffer.from(out.written())
  } catch (cause) {
    if (isMillraceError(cause)) throw cause
    throw new MillraceError(
      'MR_STATE_MAPPING_FAILED',
      `the value of ${operator}/${name} with key ${JSON.stringify(entry.key)} in ${entry.task} could not be mapped: ${toError(cause).message}`,
      { cause },
    )
  }
}
