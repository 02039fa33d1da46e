/** Collects the nodes of a job while its definition runs, and refuses names that are missing, malformed or taken. */
import { MillraceError } from '../common/errors.ts'
import type { GraphNode, JobGraph, NodeId } from '../graph/job-graph.ts'

/** Also the shape of topic-name parts and of path segments in storage. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/

/** Omit, kept a union. */
type NewNode = GraphNode extends infer N ? (N extends unknown ? Omit<N, 'id'> : never) : never

export function checkName(what: string, name: unknown): asserts name is string {
  if (typeof name === 'string' && NAME.test(name)) return
  throw new MillraceError('MR_JOB_INVALID_NAME', `${what} is named ${JSON.stringify(name)}`)
}

export class GraphBuilder {
  private readonly nodes: GraphNode[] = []
  private readonly names = new Set<string>()

  add(node: NewNode): NodeId {
    if ('name' in node) {
      checkName(`a ${node.kind} operator`, node.name)
      if (this.names.has(node.name)) {
        throw new MillraceError('MR_JOB_DUPLICATE_NAME', `two operators are named "${node.name}"`)
      }
      this.names.add(node.name)
    }
    const id = this.nodes.length
    this.nodes.push({ ...node, id } as GraphNode)
    return id
  }

  build(name: string): JobGraph {
    if (!this.nodes.some((node) => node.kind === 'source')) {
      throw new MillraceError('MR_JOB_WITHOUT_SOURCE', `job "${name}" reads nothing`)
    }
    return { name, nodes: this.nodes }
  }
}
