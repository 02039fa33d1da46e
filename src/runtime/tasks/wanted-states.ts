/** The states that a job declares, in the order of its graph, as the registry compares them with stored ones. */
import type { StateDescription } from '../../checkpoint/metadata.ts'
import { defined } from '../../common/assert.ts'
import { isStateful, type JobGraph, type StateFormat, type StatefulNode, type StateSpec } from '../../graph/job-graph.ts'
import { planStages } from '../../graph/stages.ts'
import { planAccumulator } from '../../operators/aggregate.ts'
import type { ValueCodec } from '../../ports/value-codec.ts'
import type { TimeToLive } from '../../records/time-to-live.ts'
import { asPlain, messagePack } from '../../state/codecs.ts'
import { listOf } from '../../state/list-codec.ts'
import type { Migration } from '../../state/versioned-codec.ts'

export interface WantedState {
  readonly operator: string
  readonly name: string
  /** Its operator's. */
  readonly stage: string
  /** The codec of the operator's keys. */
  readonly keys: string
  readonly kind: StateDescription['kind']
  readonly codec: ValueCodec<unknown>
  readonly migrations: ReadonlyMap<number, Migration>
  readonly mapKeys: string | null
  readonly ttl: TimeToLive | undefined
}

/** The one state of `reduce` and `aggregate`. */
export const ACCUMULATOR = 'accumulator'

/** Without what it has of its operator. */
type OwnState = Omit<WantedState, 'stage' | 'keys'>

export function wantedStates(graph: JobGraph): WantedState[] {
  const stages = planStages(graph)
  return graph.nodes.filter(isStateful).flatMap((node) => {
    const { name: stage, keyCodec } = defined(
      stages.find(({ stateful }) => stateful.includes(node)),
      `stage of ${node.name}`,
    )
    return statesOf(node).map((state) => ({ ...state, stage, keys: keyCodec.name }))
  })
}

function statesOf(node: StatefulNode): OwnState[] {
  switch (node.kind) {
    case 'reduce':
      return [wanted(node.name, ACCUMULATOR, { kind: 'reducing', format: node.format, fn: node.fn })]
    case 'aggregate':
      return [wanted(node.name, ACCUMULATOR, { kind: 'aggregating', aggregates: node.aggregates, ttl: node.ttl })]
    case 'process':
      return [...node.states].map(([name, spec]) => wanted(node.name, name, spec))
  }
}

function wanted(operator: string, name: string, spec: StateSpec): OwnState {
  const { kind } = spec
  const mapKeys = kind === 'map' ? spec.keyCodec.name : null
  if (kind === 'aggregating') {
    const codec = planAccumulator(spec.aggregates).codec as ValueCodec<unknown>
    return { operator, name, kind, codec, migrations: new Map(), mapKeys, ttl: spec.ttl }
  }
  const { ttl } = spec.format
  return { operator, name, kind, ...(kind === 'list' ? ofLists(spec.format) : ofValues(spec.format)), mapKeys, ttl }
}

function ofValues({ codec = messagePack, version = codec.version, migrations }: StateFormat) {
  const older = new Map<number, Migration>()
  for (const [from, { codec: oldCodec = codec, migrate }] of migrations) older.set(from, { codec: oldCodec, migrate })
  return { codec: { ...asPlain(codec), version }, migrations: older }
}

/** Each element as a value. */
function ofLists(format: StateFormat) {
  const { codec, migrations } = ofValues(format)
  const older = new Map<number, Migration>()
  for (const [from, element] of migrations) {
    const migrate = (list: unknown) => (list as unknown[]).map((one) => element.migrate(one))
    older.set(from, { codec: listOf(element.codec), migrate })
  }
  return { codec: listOf(codec), migrations: older }
}
