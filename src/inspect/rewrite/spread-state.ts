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
import { type TaskKey, taskKey } from '../../records/task-id.ts'
import { parseStateKey } from '../../state/state-key.ts'
import { acrossTasks } from '../across-tasks.ts'
import { CopiedChanges } from '../copied-changes.ts'
import { changed, type StateChange } from './changed-state.ts'

/** What all new tasks together may hold encoded, and as much again that is to be. */
const OPEN_BYTES = 16 * 1024 * 1024
const BATCH_BYTES = 64 * 1024

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
    after.map((task) => [task, { copied: new CopiedChanges(task), encoder: new SliceEncoder(task, systemClock) }]),
  )
  const limitBytes = OPEN_BYTES / after.length
  const each = (state: AsyncIterable<StateChanges>) => changed(change, state)
  const all = acrossTasks({ reading: change.reading, tasks: before, keys: ALL_KEYS, task: stage, each })
  for await (const changes of all) {
    for (let i = 0; i < changes.keys.length; i++) {
      const partition = partitionForKey(murmur2Latin1(parseStateKey(changes.keys[i]!).key), partitions)
      const { copied, encoder } = defined(outputs.get(taskKey({ stage, partition })), 'task of a key')
      // The block that it lies in is not to be held until the batch is full.
      copied.add(changes, i)
      if (copied.bytes < Math.min(BATCH_BYTES, limitBytes)) continue
      await encoder.add(copied.build())
      if (encoder.bytes >= limitBytes) await writer.addSlice(encoder.finish())
    }
  }
  for (const { copied, encoder } of outputs.values()) {
    if (!copied.isEmpty) await encoder.add(copied.build())
    await writer.addSlice(encoder.finish())
  }
}
