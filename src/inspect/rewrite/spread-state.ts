/**
 * Spreads the state of an exchange's tasks over another number of them: all are read at the same time, in the order of their
 * keys, so that each of the new ones gets its keys in order. A key goes where its records will: by the hash of exchanges.
 */
import type { SavepointWriter } from '../../checkpoint/savepoint/savepoint-writer.ts'
import { SliceEncoder } from '../../checkpoint/segment/encode-slice.ts'
import { defined } from '../../common/assert.ts'
import { systemClock } from '../../common/clock.ts'
import { murmur2Latin1, partitionForKey } from '../../common/murmur2.ts'
import type { StateChanges } from '../../records/state-changes.ts'
import { StateChangesBuilder } from '../../records/state-changes-builder.ts'
import { taskKey } from '../../records/task-id.ts'
import { parseStateKey } from '../../state/state-key.ts'
import { acrossStreams } from '../live-changes.ts'

/** What all new tasks together may hold encoded. */
const OPEN_BYTES = 32 * 1024 * 1024
const BATCH_ENTRIES = 1024
const BATCH_BYTES = 64 * 1024

export async function spreadState(
  writer: SavepointWriter,
  stage: string,
  partitions: number,
  states: readonly AsyncIterable<StateChanges>[],
): Promise<void> {
  const outputs = Array.from({ length: partitions }, (_, partition) => {
    const task = taskKey({ stage, partition })
    return { builder: new StateChangesBuilder(task), encoder: new SliceEncoder(task, systemClock) }
  })
  const limitBytes = OPEN_BYTES / partitions
  for await (const { keys, values, valueStarts, valueEnds, expiresAtMs } of acrossStreams(stage, states)) {
    for (let i = 0; i < keys.length; i++) {
      const partition = partitionForKey(murmur2Latin1(parseStateKey(keys[i]!).key), partitions)
      const { builder, encoder } = defined(outputs[partition], 'task of a key')
      // A copy: the block that it lies in is not to be held until the batch is full.
      builder.put(keys[i]!, Buffer.from(values.subarray(valueStarts[i], valueEnds[i])), expiresAtMs?.[i] ?? 0)
      if (builder.entries < BATCH_ENTRIES && builder.valueBytes < BATCH_BYTES) continue
      await encoder.add(builder.build())
      if (encoder.bytes >= limitBytes) await writer.addSlice(encoder.finish())
    }
  }
  for (const { builder, encoder } of outputs) {
    if (builder.entries > 0) await encoder.add(builder.build())
    await writer.addSlice(encoder.finish())
  }
}
