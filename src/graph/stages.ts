/**
 * The planner: cuts a job graph into stages, and describes the state of its operators. Pure.
 *
 * A stage is what needs no exchange inside: here a source and everything behind it.
 */
import { createHash } from 'node:crypto'
import { assert, defined } from '../common/assert.ts'
import { type GraphNode, isStateful, type JobGraph, type NodeId, type SourceNode, type StatefulNode } from './job-graph.ts'

export interface Stage {
  /** That of its source: the name of its tasks. */
  readonly name: string
  readonly source: SourceNode
  /** Node → what reads it, in the order of the job. */
  readonly consumers: ReadonlyMap<NodeId, readonly GraphNode[]>
  /** The stateful operators of this stage. */
  readonly stateful: readonly StatefulNode[]
}

export function planStages(graph: JobGraph): readonly Stage[] {
  const stageOf = new Map<NodeId, SourceNode>()
  const stages = new Map<NodeId, { source: SourceNode; consumers: Map<NodeId, GraphNode[]>; stateful: StatefulNode[] }>()
  for (const node of graph.nodes) {
    if (node.kind === 'source') {
      stageOf.set(node.id, node)
      stages.set(node.id, { source: node, consumers: new Map(), stateful: [] })
      continue
    }
    const source = defined(stageOf.get(node.input), `input of node ${node.id}`)
    const stage = defined(stages.get(source.id), 'stage')
    stageOf.set(node.id, source)
    const siblings = stage.consumers.get(node.input)
    if (siblings) siblings.push(node)
    else stage.consumers.set(node.input, [node])
    if (isStateful(node)) stage.stateful.push(node)
  }
  assert(stages.size > 0, 'a job has a source')
  return [...stages.values()].map((stage) => ({ name: stage.source.name, ...stage }))
}

/** Workers of one epoch run the same graph: its names, shape and sources, not the code of its functions. */
export function graphDigest(graph: JobGraph): string {
  const shape = graph.nodes.map((node) => ({
    kind: node.kind,
    name: 'name' in node ? node.name : undefined,
    input: 'input' in node ? node.input : undefined,
    source: node.kind === 'source' ? node.source.fingerprint : undefined,
    sink: node.kind === 'sink' ? node.sink.description : undefined,
    states: node.kind === 'process' ? [...node.states.keys()] : undefined,
    aggregates: node.kind === 'aggregate' ? [...node.aggregates].map(([field, spec]) => [field, spec.name]) : undefined,
  }))
  return createHash('sha256')
    .update(JSON.stringify({ name: graph.name, shape }))
    .digest('hex')
    .slice(0, 32)
}
