/**
 * Spreads the state of an exchange's tasks over another number of them: all are read at the same time, in the order of their
 * keys, so that each of the new ones gets its keys in order. A key goes where its records will: by the hash of exchanges.
 */
import type { SavepointWriter } from '../../checkpoint/savepoint/savepoint-writer.ts'
import { SliceEncoder } from '../../checkpoint/segment/encode-slice.ts'
import { defined } from '../../common/assert.ts'
import { systemClock } from '../../common/clock.ts'
import { murmur2Latin1, partitionForKey } from '../../common/murmur2.ts'
import { ALL_KEYS } from '../../records/changes-in-range.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import { StateChangesBuilder } from '../../records/state-changes-builder.ts'
import { type TaskKey, taskKey } from '../../records/task-id.ts'
import { parseStateKey } from '../../state/state-key.ts'
import { acrossTasks } from '../across-tasks.ts'
import { changed, type StateChange } from './changed-state.ts'

/** What all new tasks together may hold encoded, and as much again that is to be. */
const OPEN_BYTES = 16 * 1024 * 1024
const BATCH_BYTES = 64 * 1024
/** Of an entry beside its key and value: a string, three numbers and a view. */
const ENTRY_BYTES = 128

export interface Spread {
  readonly stage: string
  /** The new number of them. */
  readonly partitions: number
  /** Tasks whose keys go to none but those of `after`. */
  readonly before: readonly TaskKey[]
  readonly after: readonly TaskKey[]
  readonly change: StateChange
}

export async function spreadState(
  writer: SavepointWriter,
  { stage, partitions, before, after, change }: Spread,
): Promise<void> {
  const outputs = new Map(
    after.map((task) => [
      task,
      { builder: new StateChangesBuilder(task), encoder: new SliceEncoder(task, systemClock), batchBytes: 0 },
    ]),
  )
  const limitBytes = OPEN_BYTES / after.length
  const each = (state: AsyncIterable<StateChanges>) => changed(change, state)
  const all = acrossTasks({ reading: change.reading, tasks: before, keys: ALL_KEYS, task: stage, each })
  for await (const { keys, values, valueStarts, valueEnds, expiresAtMs } of all) {
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!
      const partition = partitionForKey(murmur2Latin1(parseStateKey(key).key), partitions)
      const output = defined(outputs.get(taskKey({ stage, partition })), 'task of a key')
      // A copy: the block that it lies in is not to be held until the batch is full.
      const value = Buffer.from(values.subarray(valueStarts[i], valueEnds[i]))
      output.builder.put(key, value, expiresAtMs?.[i] ?? 0)
      output.batchBytes += key.length + value.length + ENTRY_BYTES
      if (output.batchBytes < Math.min(BATCH_BYTES, limitBytes)) continue
      output.batchBytes = 0
      await output.encoder.add(output.builder.build())
      if (output.encoder.bytes >= limitBytes) await writer.addSlice(output.encoder.finish())
    }
  }
  for (const { builder, encoder } of outputs.values()) {
    if (builder.entries > 0) await encoder.add(builder.build())
    await writer.addSlice(encoder.finish())
  }
}
