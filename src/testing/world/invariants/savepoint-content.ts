/**
 * Whether a savepoint is a consistent cut of the simulated job (R10, R15): every record of the input that lies before the
 * positions of its sources is counted in its state, or is in flight, once; in flight are exactly those behind what is
 * counted, in their order; and no other.
 */
import {
  decodeSavepoint,
  SAVEPOINT_METADATA,
  type SavepointMetadata,
} from '../../../checkpoint/savepoint/savepoint-metadata.ts'
import { SavepointReader } from '../../../checkpoint/savepoint/savepoint-reader.ts'
import { snapshotOfSavepoint } from '../../../inspect/snapshot.ts'
import { StoredState } from '../../../inspect/stored-state.ts'
import { RecordsFrameDecoder } from '../../../records/records-frame.ts'
import { valueDecoder } from '../../../state/frame-values.ts'
import type { MemoryStorage } from '../../memory-storage.ts'
import { StorageFolder } from '../../storage-folder.ts'
import type { Scenario } from '../scenario.ts'
import type { Seen, Transfer } from '../transfer-job.ts'

const NOTHING_SEEN: Seen = { count: 0, last: {} }

/** Undefined: nothing is wrong. @param folder of the savepoint, in the storage */
export async function savepointViolation(
  storage: MemoryStorage,
  folder: string,
  { indicesOf }: Pick<Scenario, 'indicesOf'>,
): Promise<string | undefined> {
  const root = new StorageFolder(storage, `${storage.uri}/${folder}`)
  const metadata = decodeSavepoint(await root.get(SAVEPOINT_METADATA), folder)
  const reader = await SavepointReader.open(root)
  const [damaged] = await reader.verify()
  if (damaged !== undefined) return `${damaged.path}: ${damaged.problem}`
  const positions = metadata.sources.transfers?.positions ?? {}
  const states = await statesOf(root, metadata)
  const inFlight = await recordsInFlight(reader)
  for (const key of states.keys()) if (!indicesOf.has(key)) return `it holds state of ${key}, which there is no record of`
  for (const key of inFlight.keys()) if (!indicesOf.has(key)) return `a record of ${key} is in flight that nobody has written`
  for (const [key, byPartition] of indicesOf) {
    const { count, last } = states.get(key) ?? NOTHING_SEEN
    const flying = inFlight.get(key) ?? []
    let counted = 0
    for (const [partition, indices = []] of byPartition.entries()) {
      const lastCounted = last[partition] ?? -1
      const read = indices.filter((index) => index < (positions[partition] ?? 0))
      const wanted = read.filter((index) => index > lastCounted)
      const found = flying.filter((one) => one.partition === partition).map(({ index }) => index)
      if (`${found}` !== `${wanted}`) {
        return `${key}: of partition ${partition} ${found} are in flight, and ${wanted} are read and not counted`
      }
      counted += read.length - wanted.length
    }
    if (count !== counted) return `${key} counts ${count} records, and has seen ${counted}`
  }
  return undefined
}

async function statesOf(storage: StorageFolder, metadata: SavepointMetadata): Promise<Map<string, Seen>> {
  const states = new Map<string, Seen>()
  if (metadata.states.length === 0) return states
  const stored = new StoredState(snapshotOfSavepoint(storage, metadata), { nowMs: 0 })
  for await (const part of stored.read('counts', 'seen').parts()) {
    for (const { key, value } of part) states.set(String(key), value as Seen)
  }
  return states
}

/** By key, in their order. */
async function recordsInFlight(reader: SavepointReader): Promise<Map<string, Transfer[]>> {
  const records = new Map<string, Transfer[]>()
  const frames = new RecordsFrameDecoder()
  const values = valueDecoder(undefined)
  for (const [exchange, partitions] of Object.entries(reader.metadata.inFlight)) {
    for (const partition of Object.keys(partitions)) {
      for await (const frame of reader.frames(exchange, Number(partition))) {
        const { count, valueStarts, valueEnds } = frames.decode(frame, 0, frame.length)
        values.begin()
        for (let i = 0; i < count; i++) {
          const transfer = values.decode(frame, valueStarts[i]!, valueEnds[i]!) as Transfer
          const own = records.get(transfer.key) ?? []
          records.set(transfer.key, own)
          own.push(transfer)
        }
      }
    }
  }
  return records
}
