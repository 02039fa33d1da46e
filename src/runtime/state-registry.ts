/**
 * Which state id belongs to which state of which operator. Ids stand in every state key, so they stay what the restored
 * checkpoint says; new states get new ids, in the order of the graph. Pure: every worker comes to the same answer.
 */

import type { CheckpointMetadata, StateDescription } from '../checkpoint/metadata.ts'
import { defined } from '../common/assert.ts'
import { MillraceError } from '../common/errors.ts'
import { isStateful, type JobGraph, type StatefulNode } from '../graph/job-graph.ts'
import { planAccumulator } from '../operators/aggregate.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import { messagePack } from '../state/codecs.ts'

export interface RegisteredState extends StateDescription {
  readonly valueCodec: ValueCodec<unknown>
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
    return this.states.map(({ id, operator, name, codec, codecVersion }) => ({ id, operator, name, codec, codecVersion }))
  }
}

/** @throws MR_STATE_INCOMPATIBLE, MR_STATE_UNCLAIMED */
export function registerStates(graph: JobGraph, restored: CheckpointMetadata | null): StateRegistry {
  const stored = restored?.states ?? []
  const wanted = graph.nodes.filter(isStateful).flatMap(statesOf)
  const unclaimed = stored.filter((old) => !wanted.some((one) => one.operator === old.operator && one.name === old.name))
  if (unclaimed.length > 0) {
    const list = unclaimed.map((state) => `${state.operator}/${state.name}`).join(', ')
    throw new MillraceError(
      'MR_STATE_UNCLAIMED',
      `checkpoint ${restored?.checkpoint} holds state that no operator claims: ${list}`,
    )
  }
  let nextId = Math.max(0, ...stored.map((state) => state.id)) + 1
  const states = wanted.map(({ operator, name, codec }) => {
    const old = stored.find((one) => one.operator === operator && one.name === name)
    if (old !== undefined && (old.codec !== codec.name || old.codecVersion !== codec.version)) {
      throw new MillraceError(
        'MR_STATE_INCOMPATIBLE',
        `state ${operator}/${name} was written by codec ${old.codec} version ${old.codecVersion}; the job reads it with ${codec.name} version ${codec.version}`,
      )
    }
    return { id: old?.id ?? nextId++, operator, name, codec: codec.name, codecVersion: codec.version, valueCodec: codec }
  })
  return new StateRegistry(states)
}

interface WantedState {
  readonly operator: string
  readonly name: string
  readonly codec: ValueCodec<unknown>
}

/** The one state of `reduce` and `aggregate`. */
export const ACCUMULATOR = 'accumulator'

function statesOf(node: StatefulNode): WantedState[] {
  switch (node.kind) {
    case 'reduce':
      return [{ operator: node.name, name: ACCUMULATOR, codec: node.codec ?? messagePack }]
    case 'aggregate':
      return [{ operator: node.name, name: ACCUMULATOR, codec: planAccumulator(node.aggregates).codec as ValueCodec<unknown> }]
    case 'process':
      return [...node.states].map(([name, spec]) => ({ operator: node.name, name, codec: spec.codec ?? messagePack }))
  }
}
