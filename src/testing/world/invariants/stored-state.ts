/** Whether the state on a disk is that of the checkpoint that its markers name. */
import { decodeMetadata } from '../../../checkpoint/metadata.ts'
import type { RestorePoint } from '../../../checkpoint/protocol/control-records.ts'
import type { Clock } from '../../../common/clock.ts'
import type { StateBackend, TaskMarker } from '../../../ports/state-backend.ts'
import type { TaskKey } from '../../../records/task-id.ts'
import { restoreState } from '../../../runtime/restore/restore-state.ts'
import { createMemoryBackend } from '../../../state/memory/memory-backend.ts'
import type { MemoryStorage } from '../../memory-storage.ts'
import type { SimulatedDisk } from '../../simulator/simulated-disk.ts'

/** Time stands still: nothing waits, and nothing expires. */
const STILL: Clock = {
  nowMs: () => 0,
  monotonicMs: () => 0,
  sleep: () => Promise.resolve(),
  schedule: () => () => {},
  every: () => () => {},
  turn: () => Promise.resolve(),
}

/**
 * @param retained the checkpoints that can be read; markers of others are passed over
 * @returns what is wrong; undefined: nothing
 */
export async function stateViolation(
  disk: SimulatedDisk,
  storage: MemoryStorage,
  retained: readonly RestorePoint[],
): Promise<string | undefined> {
  const found = await disk.load(STILL)
  for (const [task, marker] of await found.markers()) {
    const point = retained.find((one) => one.sha256 === marker.metadataDigest)
    if (point === undefined) continue
    const wanted = await restored(task, point, storage, await emptyBackend())
    // What is under way to a checkpoint must lead to it.
    const reached = marker.since === undefined ? found : await restored(task, point, storage, await disk.load(STILL))
    const [has, should] = [await entriesOf(reached, task), await entriesOf(wanted, task)]
    if (has !== should) return `${disk.name} holds of ${task} at ${nameOf(marker)}: ${has}; the checkpoint: ${should}`
  }
  return undefined
}

async function emptyBackend(): Promise<StateBackend> {
  const backend = createMemoryBackend(STILL)
  await backend.open()
  return backend
}

async function restored(
  task: TaskKey,
  restorePoint: RestorePoint,
  storage: MemoryStorage,
  backend: StateBackend,
): Promise<StateBackend> {
  const { path, sha256 } = restorePoint
  const metadata = decodeMetadata(await storage.get(path), path, sha256)
  await restoreState({ backend, storage, restorePoint, metadata, ancestors: [], tasks: [task], clock: STILL })
  return backend
}

async function entriesOf(backend: StateBackend, task: TaskKey): Promise<string> {
  const entries: string[] = []
  for await (const { key, value } of backend.scan(task, '', 0))
    entries.push(`${JSON.stringify(key)}=${value.toString('latin1')}`)
  return entries.join(', ')
}

function nameOf({ checkpoint, epoch }: TaskMarker): string {
  return `checkpoint ${checkpoint} of epoch ${epoch}`
}
