import type { TaskMarker } from '../../../ports/state-backend.ts'
import type { TaskKey } from '../../../records/task-id.ts'
import type { Completed, Invariant, Restored } from './invariant.ts'

/** While a task's state is put together. */
const INCOMPLETE = -1

/**
 * A backend never holds anything newer than the checkpoint that its marker names (R13): a marker names a checkpoint that
 * is complete at the moment it is written. That the state beside it is that checkpoint's, stored-state.ts says.
 */
export class StateIsTheCheckpoint implements Invariant {
  readonly name = 'state is the checkpoint'
  private readonly completed = new Map<number, string>()

  onCompleted({ point }: Completed): string | undefined {
    this.completed.set(point.checkpoint, identityOf(point.epoch, point.sha256))
    return undefined
  }

  onRestored(restored: Restored): string | undefined {
    return this.onCompleted(restored)
  }

  onMarked(disk: string, markers: ReadonlyMap<TaskKey, TaskMarker>): string | undefined {
    for (const [task, { checkpoint, epoch, metadataDigest }] of markers) {
      if (checkpoint === INCOMPLETE) continue
      const known = this.completed.get(checkpoint)
      const found = identityOf(epoch, metadataDigest)
      if (known !== found) return `${disk} marks ${task} as checkpoint ${checkpoint} ${found}; completed is ${known ?? 'none'}`
    }
    return undefined
  }
}

function identityOf(epoch: number, sha256: string): string {
  return `of epoch ${epoch} with SHA-256 ${sha256.slice(0, 12)}`
}
