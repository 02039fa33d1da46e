/** The states of a job as it is now: codecs of the user's own, and migrations of what older versions have left. */
import { isStateful, type JobGraph } from '../graph/job-graph.ts'
import { planStages } from '../graph/stages.ts'
import type { KeyCodec } from '../ports/source.ts'
import type { ValueCodec } from '../ports/value-codec.ts'
import { ACCUMULATOR, type WantedState, wantedStates } from '../runtime/tasks/wanted-states.ts'

export interface JobState {
  readonly operator: string
  readonly name: string
  readonly keyCodec: KeyCodec<unknown>
  readonly mapKeyCodec: KeyCodec<unknown> | undefined
  /** Of what the job writes, unless that is aggregates. */
  readonly written: ValueCodec<unknown> | undefined
  /** Of values of that version, if the job says how they are read and the codec is the one that wrote them. */
  readerOf(version: number, codec: string): ValueReader | undefined
  /** What an own aggregate makes of its accumulator; undefined: there is none of that name. */
  ownResult(field: string, accumulator: unknown): unknown
}

/** How values of one version are read. */
export interface ValueReader {
  readonly codec: ValueCodec<unknown>
  /** Into the present shape. */
  readonly migrate: (old: unknown) => unknown
}

export function statesOfJob(graph: JobGraph): JobState[] {
  const nodes = graph.nodes.filter(isStateful)
  const stages = planStages(graph)
  return wantedStates(graph).flatMap((wanted) => {
    const node = nodes.find(({ name }) => name === wanted.operator)
    const stage = stages.find(({ name }) => name === wanted.stage)
    if (node === undefined || stage === undefined) return []
    const spec = node.kind === 'process' ? node.states.get(wanted.name) : undefined
    const aggregates =
      node.kind === 'aggregate' && wanted.name === ACCUMULATOR
        ? node.aggregates
        : spec?.kind === 'aggregating'
          ? spec.aggregates
          : undefined
    return {
      operator: wanted.operator,
      name: wanted.name,
      keyCodec: stage.keyCodec,
      mapKeyCodec: spec?.kind === 'map' ? spec.keyCodec : undefined,
      written: aggregates === undefined ? wanted.codec : undefined,
      readerOf: (version: number, codec: string) => (aggregates === undefined ? readerOf(wanted, version, codec) : undefined),
      ownResult: (field: string, accumulator: unknown) => {
        const aggregate = aggregates?.get(field)
        return aggregate?.kind === 'own' ? aggregate.result(accumulator) : undefined
      },
    }
  })
}

function readerOf({ codec, migrations }: WantedState, version: number, name: string): ValueReader | undefined {
  if (version === codec.version) return codec.name === name ? { codec, migrate: (value) => value } : undefined
  const migration = migrations.get(version)
  return migration?.codec.name === name ? migration : undefined
}
