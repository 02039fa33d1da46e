/** Entries that are taken out of what was fetched, by copying: nothing of that is held by them. Tells about what they take. */
import type { StateChanges } from '../records/state-changes.ts'
import { StateChangesBuilder } from '../records/state-changes-builder.ts'
import type { TaskKey } from '../records/task-id.ts'

/** Of an entry beside its key and value: a string, three numbers and a view. */
const ENTRY_BYTES = 128

export class CopiedChanges {
  bytes = 0
  private readonly builder: StateChangesBuilder

  constructor(task: TaskKey) {
    this.builder = new StateChangesBuilder(task)
  }

  get isEmpty(): boolean {
    return this.builder.entries === 0
  }

  /** Keys ascend. */
  add({ keys, values, valueStarts, valueEnds, expiresAtMs }: StateChanges, at: number): void {
    const key = keys[at]!
    const value = Buffer.from(values.subarray(valueStarts[at], valueEnds[at]))
    this.builder.put(key, value, expiresAtMs?.[at] ?? 0)
    this.bytes += key.length + value.length + ENTRY_BYTES
  }

  /** What was added since the last build. */
  build(): StateChanges {
    this.bytes = 0
    return this.builder.build()
  }
}
