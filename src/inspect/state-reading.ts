/** Reads one state of one operator: streamed, or the entries of one key. */
import type { StateDescription } from '../checkpoint/metadata.ts'
import type { ByteWriter } from '../common/byte-writer.ts'
import { isMillraceError, MillraceError, toError } from '../common/errors.ts'
import { murmur2Latin1, partitionForKey } from '../common/murmur2.ts'
import type { KeyCodec } from '../ports/source.ts'
import { type KeyRange, keysBeginningWith } from '../records/changes-in-range.ts'
import type { StateChanges } from '../records/state-changes.ts'
import { parseTaskKey, type TaskKey, taskKey } from '../records/task-id.ts'
import { parseStateKey, stateKey, statePrefix } from '../state/state-key.ts'
import { type LiveReading, liveChanges } from './live-changes.ts'
import { tasksOf } from './snapshot.ts'
import type { StateCodecs, ValueFormat } from './state-codecs.ts'

export interface StoredEntry {
  readonly task: TaskKey
  readonly key: unknown
  /** Undefined: the state is no map. */
  readonly mapKey: unknown
  readonly value: unknown
  /** The version of the state that the value was written with. */
  readonly version: number
  /** Ms since 1970; null: it does not expire. */
  readonly expiresAtMs: number | null
}

/** Tasks that are asked for one key at the same time. */
const TASKS_AT_ONCE = 8

export class StateReading {
  readonly state: StateDescription
  readonly keyCodec: KeyCodec<unknown>
  readonly mapKeyCodec: KeyCodec<unknown> | null
  readonly tasks: readonly TaskKey[]
  private readonly reading: LiveReading
  private readonly format: ValueFormat

  /** @throws MR_STATE_CODEC_UNKNOWN */
  constructor(reading: LiveReading, state: StateDescription, codecs: StateCodecs) {
    this.reading = reading
    this.state = state
    this.keyCodec = codecs.keysOf(state)
    this.mapKeyCodec = codecs.mapKeysOf(state)
    this.format = codecs.formatOf(state)
    this.tasks = tasksOf(reading.snapshot, state.stage)
  }

  /** All of them, some at a time: by task, and in it ascending by the bytes of the keys. */
  async *parts(): AsyncGenerator<readonly StoredEntry[]> {
    const range = keysBeginningWith(statePrefix(this.state.id))
    for (const task of this.tasks) yield* this.partsIn(task, range)
  }

  /** Of one key; of a map its entries, or the one of `mapKey`. A key that stands in several tasks is taken from one. */
  async *entriesOf(key: unknown, mapKey?: unknown): AsyncGenerator<StoredEntry> {
    const keyBytes = encodeKey(this.keyCodec, key, this.place)
    const prefix = stateKey(statePrefix(this.state.id), keyBytes)
    const tasks = this.tasksOfKey(keyBytes)
    if (this.mapKeyCodec !== null && mapKey === undefined) {
      for (const task of tasks) {
        let isFound = false
        for await (const part of this.partsIn(task, keysBeginningWith(prefix))) {
          isFound = true
          yield* part
        }
        if (isFound) return
      }
      return
    }
    const wanted = this.mapKeyCodec === null ? prefix : prefix + encodeKey(this.mapKeyCodec, mapKey, this.place)
    for (let at = 0; at < tasks.length; at += TASKS_AT_ONCE) {
      const some = tasks.slice(at, at + TASKS_AT_ONCE)
      const found = await Promise.all(some.map((task) => this.onlyEntry(task, { from: wanted, to: `${wanted}\x00` })))
      const entry = found.find((one) => one !== undefined)
      if (entry === undefined) continue
      yield entry
      return
    }
  }

  private get place(): string {
    return `${this.state.operator}/${this.state.name}`
  }

  private async onlyEntry(task: TaskKey, range: KeyRange): Promise<StoredEntry | undefined> {
    for await (const [entry] of this.partsIn(task, range)) return entry
    return undefined
  }

  private async *partsIn(task: TaskKey, range: KeyRange): AsyncGenerator<readonly StoredEntry[]> {
    for await (const changes of liveChanges(this.reading, task, range))
      yield changes.keys.map((_, i) => this.entryAt(changes, i))
  }

  /** @param changes of this state; entry `i` holds a value */
  entryAt(changes: StateChanges, i: number): StoredEntry {
    const entry = this.storedAt(changes, i)
    return { ...entry, value: this.format.resultOf(entry.value) }
  }

  /** The same, but what can be written again as its value: of aggregates the accumulators. */
  storedAt(changes: StateChanges, i: number): StoredEntry {
    const { task, values, valueStarts, valueEnds, expiresAtMs } = changes
    const { key, namespace } = parseStateKey(changes.keys[i]!)
    const start = valueStarts[i]!
    const version = values[start] ?? 0
    try {
      return {
        task,
        key: this.keyCodec.decode(key),
        mapKey: this.mapKeyCodec?.decode(namespace),
        value: this.format.readStored(version, values, start + 1, valueEnds[i]!),
        version,
        expiresAtMs: expiresAtMs?.[i] || null,
      }
    } catch (cause) {
      if (isMillraceError(cause)) throw cause
      const hex = Buffer.from(key, 'latin1').toString('hex')
      throw new MillraceError(
        'MR_STATE_VALUE_UNREADABLE',
        `the entry of ${this.place} with version ${version} and the key of bytes ${hex} in ${task} cannot be read: ${toError(cause).message}`,
        { cause },
      )
    }
  }

  /** The codec of values that are written now, and their version. */
  get writing(): { readonly name: string; readonly version: number } {
    return this.format.codec
  }

  /** As a stored value. */
  encode(value: unknown, out: ByteWriter): void {
    const { codec } = this.format
    const at = out.reserve(1)
    out.buffer[at] = codec.version
    out.position = at + 1
    codec.encode(value, out)
  }

  /** Behind a keyBy the key alone says where it is; before, the producer of the topic has spread them in its own way. */
  private tasksOfKey(keyBytes: string): readonly TaskKey[] {
    const { stage } = this.state
    const partitions = stage === undefined ? undefined : this.reading.snapshot.exchangePartitions.get(stage)
    const hash = murmur2Latin1(keyBytes)
    if (stage !== undefined && partitions !== undefined) {
      return [taskKey({ stage, partition: partitionForKey(hash, partitions) })].filter((task) => this.tasks.includes(task))
    }
    // Most likely by murmur2 too: that one first.
    const partitionCount = 1 + Math.max(-1, ...this.tasks.map((task) => parseTaskKey(task).partition))
    const likely = taskKey({ stage: stage ?? '', partition: partitionForKey(hash, Math.max(1, partitionCount)) })
    return [...this.tasks].sort((a, b) => Number(b === likely) - Number(a === likely))
  }
}

function encodeKey(codec: KeyCodec<unknown>, key: unknown, place: string): string {
  try {
    return codec.encode(key)
  } catch (cause) {
    throw new MillraceError(
      'MR_STATE_KEY_INVALID',
      `${place} has keys of codec ${codec.name}, which cannot write the one that was given: ${toError(cause).message}`,
      { cause },
    )
  }
}
