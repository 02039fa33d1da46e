/**
 * What was on its way through an exchange at a checkpoint: frames that lie behind the reading position and below the ends
 * of their channels (R17). Read from the exchange's topic, which holds them as long as the checkpoint is retained.
 */
import type { CheckpointMetadata } from '../../checkpoint/metadata.ts'
import { unlessAborted } from '../../common/unless-aborted.ts'
import type { Exchange } from '../../ports/exchange.ts'
import { frameKind } from '../../records/exchange-frame.ts'
import { inputOf } from '../tasks/open-tasks.ts'
import { unfinishedChannels } from '../tasks/worker-watermarks.ts'

export interface PartitionInFlight {
  readonly exchange: string
  readonly partition: number
  /** Behind the last frame. */
  readonly end: number
}

/** The partitions that have any. */
export function partitionsInFlight(metadata: CheckpointMetadata): PartitionInFlight[] {
  return Object.entries(metadata.exchanges).flatMap(([exchange, { partitions, positions }]) =>
    Array.from({ length: partitions }, (_, partition) => {
      const channels = unfinishedChannels(metadata.writers, exchange, partition, positions[partition]?.position ?? 0)
      return { exchange, partition, end: Math.max(0, ...channels.values()) }
    }).filter(({ end }) => end > 0),
  )
}

/** Frames of records, in their order; each lent until the next is asked for. */
export async function* framesInFlight(
  exchanges: Exchange,
  metadata: CheckpointMetadata,
  { exchange, partition, end }: PartitionInFlight,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  // Of no running epoch: what was written behind the cut is none of the checkpoint's.
  const reader = await exchanges.openReader([inputOf({ exchange, partition }, metadata)], new Set())
  try {
    for (;;) {
      signal.throwIfAborted()
      const frame = reader.poll()
      if (frame !== undefined && frameKind(frame.buffer, frame.start, frame.end) === 'records') {
        yield frame.buffer.subarray(frame.start, frame.end)
      }
      if (reader.position(exchange, partition).position >= end) return
      if (frame === undefined) await unlessAborted(signal, () => reader.whenAvailable())
    }
  } finally {
    await reader.close()
  }
}
