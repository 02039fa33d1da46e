/** The keys of an operator, whatever state they have: of each task the keys of all its states, merged. */
import type { StateDescription } from '../checkpoint/metadata.ts'
import { type KeyRange, keysBeginningWith } from '../records/changes-in-range.ts'
import type { StateChanges } from '../records/state-changes.ts'
import type { TaskKey } from '../records/task-id.ts'
import { parseStateKey, statePrefix } from '../state/state-key.ts'
import { merged } from './across-tasks.ts'
import { type LiveReading, liveChanges } from './live-changes.ts'
import { tasksOf } from './snapshot.ts'

export interface OperatorKey {
  readonly task: TaskKey
  /** Its bytes, a binary string. */
  readonly key: string
}

export async function* operatorKeys(reading: LiveReading, states: readonly StateDescription[]): AsyncGenerator<OperatorKey> {
  const part = { ...reading, budgetBytes: reading.budgetBytes / states.length }
  for (const task of tasksOf(reading.snapshot, states[0]?.stage)) {
    const streams = states.map(({ id }) => keysIn(part, task, keysBeginningWith(statePrefix(id))))
    for await (const { keys } of merged(task, streams)) for (const key of keys) yield { task, key }
  }
}

/** Changes whose keys are those of the operator, each once: they ascend as the state keys do. */
async function* keysIn(reading: LiveReading, task: TaskKey, range: KeyRange): AsyncGenerator<StateChanges> {
  let last: string | undefined
  for await (const changes of liveChanges(reading, task, range)) {
    const keys: string[] = []
    for (const key of changes.keys) {
      const own = parseStateKey(key).key
      if (own !== last) keys.push((last = own))
    }
    const none = keys.map(() => 0)
    yield { task, keys, values: Buffer.alloc(0), valueStarts: none, valueEnds: none }
  }
}
