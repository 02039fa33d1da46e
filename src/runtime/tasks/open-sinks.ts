/** Opens the sinks of a job: those of sink operators, and those that sources write their dead letters to. */
import type { JobGraph } from '../../graph/job-graph.ts'
import type { ConnectorContext } from '../../ports/connector-context.ts'
import type { OpenedSink, TransactionParticipant } from '../../ports/transactional-sink.ts'

export interface OpenedSinks {
  readonly byName: ReadonlyMap<string, OpenedSink<unknown>>
  /** Those of sink operators, and those of the sources' dead letters. */
  readonly all: readonly OpenedSink<unknown>[]
  readonly participants: readonly TransactionParticipant[]
}

export async function openSinks(graph: JobGraph, context: ConnectorContext): Promise<OpenedSinks> {
  const byName = new Map<string, OpenedSink<unknown>>()
  const all: OpenedSink<unknown>[] = []
  for (const node of graph.nodes) {
    if (node.kind === 'sink') {
      const sink = await node.sink.open(context)
      byName.set(node.name, sink)
      all.push(sink)
    } else if (node.kind === 'source') {
      all.push(...((await node.source.openSideSinks?.(context)) ?? []))
    }
  }
  const participants = new Set<TransactionParticipant>()
  for (const { participant } of all) if (participant !== undefined) participants.add(participant)
  return { byName, all, participants: [...participants] }
}
