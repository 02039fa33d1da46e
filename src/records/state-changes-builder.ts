/** Builds one StateChanges entry by entry, in ascending order of keys. */
import { assert } from '../common/assert.ts'
import type { StateChanges } from './state-changes.ts'
import type { TaskKey } from './task-id.ts'

export class StateChangesBuilder {
  readonly task: TaskKey
  private keys: string[] = []
  private values: Uint8Array[] = []
  private valueStarts: number[] = []
  private valueEnds: number[] = []
  private expiresAtMs: number[] = []
  private bytes = 0
  private expires = false

  constructor(task: TaskKey) {
    this.task = task
  }

  get entries(): number {
    return this.keys.length
  }

  /** Bytes of the values so far. */
  get valueBytes(): number {
    return this.bytes
  }

  /** `value` is copied by build(), not before. `expiresAtMs` 0: never. */
  put(key: string, value: Uint8Array, expiresAtMs = 0): this {
    this.append(key, this.bytes, this.bytes + value.length, expiresAtMs)
    this.values.push(value)
    this.bytes += value.length
    return this
  }

  delete(key: string): this {
    this.append(key, -1, -1, 0)
    return this
  }

  /** What was added since the last build. */
  build(): StateChanges {
    const changes = {
      task: this.task,
      keys: this.keys,
      values: Buffer.concat(this.values, this.bytes),
      valueStarts: this.valueStarts,
      valueEnds: this.valueEnds,
      ...(this.expires && { expiresAtMs: this.expiresAtMs }),
    }
    this.keys = []
    this.values = []
    this.valueStarts = []
    this.valueEnds = []
    this.expiresAtMs = []
    this.bytes = 0
    this.expires = false
    return changes
  }

  private append(key: string, start: number, end: number, expiresAtMs: number): void {
    const last = this.keys.at(-1)
    assert(last === undefined || last < key, 'state changes are added in ascending order of keys, each once')
    this.keys.push(key)
    this.valueStarts.push(start)
    this.valueEnds.push(end)
    this.expiresAtMs.push(expiresAtMs)
    if (expiresAtMs !== 0) this.expires = true
  }
}
