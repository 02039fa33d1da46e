/**
 * Which state id belongs to which state of which operator, and how its values are read. Ids stand in every state key, so
 * they stay what the restored checkpoint says; new states get new ids, in the order of the graph. Pure: every worker comes
 * to the same answer.
 */

import type { CheckpointMetadata, StateDescription } from '../../checkpoint/metadata.ts'
import { defined } from '../../common/assert.ts'
import { MillraceError } from '../../common/errors.ts'
import type { JobGraph } from '../../graph/job-graph.ts'
import type { ValueCodec } from '../../ports/value-codec.ts'
import type { TimeToLive } from '../../records/time-to-live.ts'
import { versioned } from '../../state/versioned-codec.ts'
import { type WantedState, wantedStates } from './wanted-states.ts'

export interface RegisteredState {
  readonly id: number
  readonly operator: string
  readonly name: string
  readonly valueCodec: ValueCodec<unknown>
  /** Undefined: no value expires. Null: only older ones may. */
  readonly ttl: TimeToLive | null | undefined
  readonly description: StateDescription
}

export class StateRegistry {
  readonly states: readonly RegisteredState[]

  constructor(states: readonly RegisteredState[]) {
    this.states = states
  }

  of(operator: string, name: string): RegisteredState {
    return defined(
      this.states.find((state) => state.operator === operator && state.name === name),
      `state ${operator}/${name}`,
    )
  }

  descriptions(): StateDescription[] {
    return this.states.map(({ description }) => description)
  }
}

/** @throws MR_STATE_INCOMPATIBLE, MR_STATE_UNCLAIMED */
export function registerStates(
  graph: JobGraph,
  restored: Pick<CheckpointMetadata, 'checkpoint' | 'states'> | null,
): StateRegistry {
  const stored = restored?.states ?? []
  const wanted = wantedStates(graph)
  const unclaimed = stored.filter((old) => !wanted.some((one) => one.operator === old.operator && one.name === old.name))
  if (unclaimed.length > 0) {
    const list = unclaimed.map((state) => `${state.operator}/${state.name}`).join(', ')
    throw new MillraceError(
      'MR_STATE_UNCLAIMED',
      `checkpoint ${restored?.checkpoint} holds state that no operator claims: ${list}`,
    )
  }
  let nextId = Math.max(0, ...stored.map((state) => state.id)) + 1
  return new StateRegistry(
    wanted.map((state) => {
      const old = stored.find((one) => one.operator === state.operator && one.name === state.name)
      return old === undefined ? register(state, nextId++, [], false) : registerAgain(state, old)
    }),
  )
}

function registerAgain(state: WantedState, old: StateDescription): RegisteredState {
  const { codec, migrations } = state
  if (old.kind !== state.kind)
    throw incompatible(state, `has the kind ${state.kind} in the job and ${old.kind} in the checkpoint`)
  if (old.mapKeys !== state.mapKeys) {
    throw incompatible(state, `has keys by codec ${state.mapKeys} in the job and by codec ${old.mapKeys} in the checkpoint`)
  }
  if (old.keys !== undefined && old.keys !== state.keys) {
    throw incompatible(state, `is kept by keys of codec ${old.keys} in the checkpoint and of codec ${state.keys} in the job`)
  }
  if (old.stage !== undefined && old.stage !== state.stage) {
    throw incompatible(state, `lies behind ${old.stage} in the checkpoint and behind ${state.stage} in the job: other keys`)
  }
  const stored = [...old.olderVersions, { version: old.codecVersion, codec: old.codec }]
  for (const one of stored) {
    const found = `holds values of version ${one.version}, written by codec ${one.codec}`
    if (one.version > codec.version) {
      throw incompatible(state, `${found}; the job is older than them, it knows version ${codec.version}`)
    }
    const reader = one.version === codec.version ? codec : migrations.get(one.version)?.codec
    if (reader === undefined) {
      throw incompatible(
        state,
        `${found}; the job writes version ${codec.version} and has no migration from version ${one.version}`,
      )
    }
    if (reader.name !== one.codec) {
      throw incompatible(state, `${found}; the job reads version ${one.version} with codec ${reader.name}`)
    }
  }
  const older = stored.filter(({ version }) => version !== codec.version)
  return register(state, old.id, older, old.expires)
}

function register(
  state: WantedState,
  id: number,
  olderVersions: StateDescription['olderVersions'],
  mayHaveExpired: boolean,
): RegisteredState {
  const { operator, name, stage, keys, kind, codec, migrations, mapKeys, ttl } = state
  const expires = ttl !== undefined || mayHaveExpired
  return {
    id,
    operator,
    name,
    valueCodec: versioned(codec, migrations, `${operator}/${name}`),
    ttl: ttl ?? (expires ? null : undefined),
    description: {
      ...{ id, operator, name, stage, keys, kind, codec: codec.name, codecVersion: codec.version },
      ...{ olderVersions, mapKeys, expires, ttl: ttl ?? null },
    },
  }
}

function incompatible({ operator, name }: WantedState, what: string): MillraceError {
  return new MillraceError('MR_STATE_INCOMPATIBLE', `state ${operator}/${name} ${what}`)
}
