import type { CheckpointMetadata } from '../../../checkpoint/metadata.ts'
import type { Completed, Invariant, Logged, Restored } from './invariant.ts'

/**
 * Watermarks, positions and checkpoint numbers never go back, but for a rewind by hand, or where a job begins with a savepoint
 * or anew: each checkpoint builds on the restore point of its moment, and stands nowhere behind it.
 */
export class NeverBack implements Invariant {
  readonly name = 'never back'
  private readonly known = new Map<number, CheckpointMetadata>()
  private restorePoint: CheckpointMetadata | undefined
  private greatest = 0

  onRecord({ record, isValid }: Logged): string | undefined {
    if (isValid && record.type === 'restored-to') this.restorePoint = this.known.get(record.checkpoint)
    if (isValid && record.type === 'checkpoint-dropped') this.known.delete(record.checkpoint)
    if (isValid && record.type === 'job-stopped' && record.isForgotten) this.restorePoint = undefined
    return undefined
  }

  onRestored({ metadata }: Restored): string | undefined {
    const { checkpoint } = metadata
    const greatest = this.greatest
    this.known.set(checkpoint, metadata)
    this.restorePoint = metadata
    this.greatest = Math.max(greatest, checkpoint)
    return checkpoint <= greatest ? `the copy of a savepoint is checkpoint ${checkpoint}, behind ${greatest}` : undefined
  }

  onCompleted({ metadata }: Completed): string | undefined {
    const { checkpoint, parent } = metadata
    const before = this.restorePoint
    const greatest = this.greatest
    this.known.set(checkpoint, metadata)
    this.restorePoint = metadata
    this.greatest = Math.max(greatest, checkpoint)
    if (checkpoint <= greatest) return `checkpoint ${checkpoint} comes behind ${greatest}`
    if (parent?.checkpoint !== before?.checkpoint) {
      return `checkpoint ${checkpoint} builds on ${parent?.checkpoint}, and the restore point is ${before?.checkpoint}`
    }
    return before === undefined ? undefined : wentBack(before, metadata)
  }
}

function wentBack(before: CheckpointMetadata, now: CheckpointMetadata): string | undefined {
  const behind = (what: string, least: Readonly<Record<string, number>>, at: Readonly<Record<string, number>>) => {
    const key = Object.keys(least).find((one) => (at[one] ?? Number.NEGATIVE_INFINITY) < least[one]!)
    return key === undefined
      ? undefined
      : `${what} ${key} goes back from ${least[key]} to ${at[key]} in checkpoint ${now.checkpoint}`
  }
  if (now.epoch < before.epoch) return `checkpoint ${now.checkpoint} is of epoch ${now.epoch}, its parent of ${before.epoch}`
  for (const [source, { positions }] of Object.entries(before.sources)) {
    const wrong = behind(`source ${source}`, positions, now.sources[source]?.positions ?? {})
    if (wrong !== undefined) return wrong
  }
  for (const exchange of Object.keys(before.exchanges)) {
    const wrong = behind(`exchange ${exchange}`, exchangePositions(before, exchange), exchangePositions(now, exchange))
    if (wrong !== undefined) return wrong
  }
  return behind('the watermark of', before.watermarks, now.watermarks)
}

function exchangePositions({ exchanges }: CheckpointMetadata, exchange: string): Record<string, number> {
  const { positions = {} } = exchanges[exchange] ?? {}
  return Object.fromEntries(Object.entries(positions).map(([partition, { position }]) => [partition, position]))
}
