import { isDeepStrictEqual } from 'node:util'
import type { SavepointMetadata } from '../../../checkpoint/savepoint/savepoint-metadata.ts'
import type { Invariant, Logged, Restored } from './invariant.ts'

/**
 * A job takes over a savepoint once, however often it is started with it (R7); in place of checkpoints of its own only where
 * that is forced. What it takes over is a savepoint that was complete, and it goes on at the positions of that.
 */
export class TakenOnce implements Invariant {
  readonly name = 'taken once'
  /** By the digest of its metadata; undefined: no such savepoint was ever complete. */
  private readonly savepointOf: (sha256: string) => SavepointMetadata | undefined
  /** The digest of the one that the job has begun with. */
  private taken: string | undefined
  private hasOwn = false

  constructor(savepointOf: (sha256: string) => SavepointMetadata | undefined) {
    this.savepointOf = savepointOf
  }

  onRecord({ offset, record, isValid }: Logged): string | undefined {
    if (!isValid) return undefined
    if (record.type === 'checkpoint-completed') this.hasOwn = true
    if (record.type === 'job-stopped' && record.isForgotten) {
      this.taken = undefined
      this.hasOwn = false
    }
    if (record.type !== 'savepoint-restored') return undefined
    const { hasOwn, taken } = this
    this.taken = record.savepoint.sha256
    this.hasOwn = true
    if (taken === this.taken) return `${record.savepoint.uri} is taken over again at ${offset}`
    return hasOwn && !record.isForced ? `${record.savepoint.uri} is taken over at ${offset} in place of checkpoints` : undefined
  }

  onRestored({ record: { savepoint }, metadata }: Restored): string | undefined {
    const from = this.savepointOf(savepoint.sha256)
    if (from === undefined) return `${savepoint.uri} is taken over, and was never complete`
    if (metadata.savepoint?.sha256 !== savepoint.sha256) return `the copy of ${savepoint.uri} says that it is another`
    for (const [source, { positions }] of Object.entries(from.sources)) {
      const own = metadata.sources[source]?.positions ?? {}
      const kept = Object.fromEntries(Object.keys(positions).map((partition) => [partition, own[partition]]))
      if (!isDeepStrictEqual(kept, { ...positions })) {
        return `${savepoint.uri} stands at ${JSON.stringify(positions)} of ${source}, its copy at ${JSON.stringify(own)}`
      }
    }
    return undefined
  }
}
