/**
 * A task is (stage, partition): the unit of assignment and of state. Its text form `stage/partition` is what stands in
 * control records, manifests and segments, and what state is found by after the graph changed.
 */
export interface TaskId {
  /** The stage's name: that of its input (the source's or exchange's name). */
  readonly stage: string
  readonly partition: number
}

/** `stage/partition`. Stage names may not hold `/`, so the last slash divides. */
export type TaskKey = string

export function taskKey(task: TaskId): TaskKey {
  return `${task.stage}/${task.partition}`
}

export function parseTaskKey(key: TaskKey): TaskId {
  const slash = key.lastIndexOf('/')
  return { stage: key.slice(0, slash), partition: Number(key.slice(slash + 1)) }
}
