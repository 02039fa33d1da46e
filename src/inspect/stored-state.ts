/** The state of a checkpoint or savepoint, to be looked at without the job and without Kafka: the API of `millrace/state`. */
import type { StateDescription } from '../checkpoint/metadata.ts'
import { MillraceError } from '../common/errors.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import type { TaskKey } from '../records/task-id.ts'
import { type LiveReading, READ_BUDGET_BYTES } from './live-changes.ts'
import { operatorKeys } from './operator-keys.ts'
import { SegmentMarks } from './segment-marks.ts'
import { type Snapshot, stateNamed, statesOfOperator } from './snapshot.ts'
import { type CodecOptions, StateCodecs } from './state-codecs.ts'
import { StateReading } from './state-reading.ts'
import { type StateSize, sizesOf } from './state-sizes.ts'
import { StoredMap, StoredValues } from './stored-values.ts'

export interface ReadOptions extends CodecOptions {
  /** What has expired by then is not there; ms since 1970. Default: now. */
  readonly nowMs?: number
  /** Of memory, for what is fetched and not taken yet. Default: 32 MiB. */
  readonly budgetBytes?: number
}

export interface OperatorInfo {
  readonly name: string
  /** The stage whose tasks hold its state; undefined: an earlier build has not written it down. */
  readonly stage: string | undefined
  readonly states: readonly StateInfo[]
}

/** As the metadata has it. */
export type StateInfo = Omit<StateDescription, 'id' | 'operator'>

export class StoredState {
  readonly snapshot: Snapshot
  readonly codecs: StateCodecs
  readonly reading: LiveReading

  constructor(snapshot: Snapshot, { nowMs = Date.now(), budgetBytes = READ_BUDGET_BYTES, ...codecs }: ReadOptions = {}) {
    this.snapshot = snapshot
    this.codecs = new StateCodecs(codecs)
    this.reading = { snapshot, marks: new SegmentMarks(snapshot), nowMs, budgetBytes }
  }

  /** Of the checkpoint or savepoint. */
  get uri(): string {
    return this.snapshot.uri
  }

  get applicationId(): string {
    return this.snapshot.applicationId
  }

  get checkpoint(): number {
    return this.snapshot.checkpoint
  }

  get tasks(): readonly TaskKey[] {
    return [...this.snapshot.tasks.keys()]
  }

  /** Those that keep state. */
  operators(): OperatorInfo[] {
    const names = [...new Set(this.snapshot.states.map(({ operator }) => operator))]
    return names.map((name) => {
      const own = this.snapshot.states.filter(({ operator }) => operator === name)
      return { name, stage: own[0]?.stage, states: own.map(({ id: _id, operator: _operator, ...info }) => info) }
    })
  }

  /** @throws MR_STATE_NOT_FOUND */
  operator(name: string): StoredOperator {
    return new StoredOperator(this, statesOfOperator(this.snapshot, name))
  }

  /** One state, of whatever kind. @throws MR_STATE_NOT_FOUND, MR_STATE_CODEC_UNKNOWN */
  read(operator: string, name: string): StateReading {
    return new StateReading(this.reading, stateNamed(this.snapshot, operator, name), this.codecs)
  }

  /** Live entries and their bytes, of each state. Reads all of the state. */
  sizes(): Promise<StateSize[]> {
    return sizesOf(this.reading)
  }

  close(): Promise<void> {
    return this.storage.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private get storage(): CheckpointStorage {
    return this.snapshot.storage
  }
}

export class StoredOperator {
  readonly states: readonly StateInfo[]
  private readonly stored: StoredState
  private readonly descriptions: readonly StateDescription[]

  constructor(stored: StoredState, descriptions: readonly StateDescription[]) {
    this.stored = stored
    this.descriptions = descriptions
    this.states = descriptions
  }

  get name(): string {
    return this.descriptions[0]!.operator
  }

  /**
   * All keys that have any state of this operator, or the state of that name: each once a task, by task, and in it ascending
   * by their bytes. @throws MR_STATE_NOT_FOUND, MR_STATE_CODEC_UNKNOWN
   */
  async *keys<K = string>(name?: string): AsyncGenerator<K> {
    const states = name === undefined ? this.descriptions : [stateNamed(this.stored.snapshot, this.name, name)]
    const keyCodec = this.stored.codecs.keysOf(states[0]!)
    for await (const { key } of operatorKeys(this.stored.reading, states)) yield keyCodec.decode(key) as K
  }

  /** @throws MR_STATE_NOT_FOUND also where the state is of another kind; MR_STATE_CODEC_UNKNOWN */
  value<V, K = string>(name: string): StoredValues<V, K> {
    return new StoredValues<V, K>(this.read(name, 'value'))
  }

  /** @throws as `value` does */
  list<E, K = string>(name: string): StoredValues<E[], K> {
    return new StoredValues<E[], K>(this.read(name, 'list'))
  }

  /** Also that of `reduce`. @throws as `value` does */
  reducing<V, K = string>(name = 'accumulator'): StoredValues<V, K> {
    return new StoredValues<V, K>(this.read(name, 'reducing'))
  }

  /** The results of aggregates, also those of `aggregate`. @throws as `value` does */
  aggregating<R, K = string>(name = 'accumulator'): StoredValues<R, K> {
    return new StoredValues<R, K>(this.read(name, 'aggregating'))
  }

  /** @throws as `value` does */
  map<M, V, K = string>(name: string): StoredMap<M, V, K> {
    return new StoredMap<M, V, K>(this.read(name, 'map'))
  }

  private read(name: string, kind: StateDescription['kind']): StateReading {
    const state = stateNamed(this.stored.snapshot, this.name, name)
    if (state.kind !== kind) {
      throw new MillraceError('MR_STATE_NOT_FOUND', `state ${this.name}/${name} is of kind ${state.kind}, not ${kind}`, {
        remedy: `Read it as what it is, with ${state.kind}().`,
      })
    }
    return this.stored.read(this.name, name)
  }
}
