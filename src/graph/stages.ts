/**
 * The planner: cuts a job graph into stages, and describes the state of its operators. Pure.
 *
 * A stage is what needs no exchange inside: a source or the reading end of an exchange, and everything behind it up to
 * sinks and the writing ends of exchanges.
 */
import { createHash } from 'node:crypto'
import { assert, defined } from '../common/assert.ts'
import type { KeyCodec } from '../ports/source.ts'
import { ROW_VALUES } from '../records/exchange-frame.ts'
import {
  type GraphNode,
  isStateful,
  type JobGraph,
  type KeyByNode,
  type NodeId,
  type SourceNode,
  type StatefulNode,
} from './job-graph.ts'

export interface Stage {
  /** That of its source or exchange: the name of its tasks. */
  readonly name: string
  /** Where its records come from: a source, or a `keyBy` as seen from behind. */
  readonly input: SourceNode | KeyByNode
  readonly keyCodec: KeyCodec<unknown>
  /** Node → what reads it, in the order of the job. */
  readonly consumers: ReadonlyMap<NodeId, readonly GraphNode[]>
  /** The stateful operators of this stage. */
  readonly stateful: readonly StatefulNode[]
  /** The exchanges that it writes. */
  readonly exchanges: readonly KeyByNode[]
  /** The sources that its records come from, over however many exchanges. */
  readonly origins: readonly SourceNode[]
}

interface OpenStage {
  readonly name: string
  readonly input: SourceNode | KeyByNode
  readonly keyCodec: KeyCodec<unknown>
  readonly consumers: Map<NodeId, GraphNode[]>
  readonly stateful: StatefulNode[]
  readonly exchanges: KeyByNode[]
  readonly origins: readonly SourceNode[]
}

/** In the order of the graph: a stage stands behind those that it reads. */
export function planStages(graph: JobGraph): readonly Stage[] {
  /** Node → the stage that its output belongs to. */
  const stageOf = new Map<NodeId, OpenStage>()
  const stages: OpenStage[] = []
  const begin = (input: SourceNode | KeyByNode, origins: readonly SourceNode[]) => {
    const keyCodec = input.kind === 'source' ? input.source.keyCodec : input.keyCodec
    const stage = { name: input.name, input, keyCodec, consumers: new Map(), stateful: [], exchanges: [], origins }
    stages.push(stage)
    stageOf.set(input.id, stage)
  }
  for (const node of graph.nodes) {
    if (node.kind === 'source') {
      begin(node, [node])
      continue
    }
    const stage = defined(stageOf.get(node.input), `input of node ${node.id}`)
    const siblings = stage.consumers.get(node.input)
    if (siblings) siblings.push(node)
    else stage.consumers.set(node.input, [node])
    if (isStateful(node)) stage.stateful.push(node)
    if (node.kind === 'keyBy') {
      stage.exchanges.push(node)
      begin(node, stage.origins)
    } else {
      stageOf.set(node.id, stage)
    }
  }
  assert(stages.length > 0, 'a job has a source')
  return stages
}

/** Whether state or output of the stage depends on which partition a source's key lies in. */
export function dependsOnSourcePartitions(stage: Stage): boolean {
  return stage.input.kind === 'source' && [...stage.consumers.values()].flat().some((node) => node.kind === 'keyByRecordKey')
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
    exchange: node.kind === 'keyBy' ? [node.keyCodec.name, node.codec?.name ?? ROW_VALUES, node.partitions] : undefined,
  }))
  return createHash('sha256')
    .update(JSON.stringify({ name: graph.name, shape }))
    .digest('hex')
    .slice(0, 32)
}
