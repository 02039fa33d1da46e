/** Collects the nodes of a job while its definition runs, and refuses names that are missing, malformed or taken. */
import { MillraceError } from '../common/errors.ts'
import type { GraphNode, JobGraph, KeyByNode, NodeId } from '../graph/job-graph.ts'

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
    if ('name' in node && !(node.kind === 'keyBy' && node.name === '')) {
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
    return { name, nodes: this.nodes.map((node) => (node.kind === 'keyBy' ? this.named(node) : node)) }
  }

  /**
   * An exchange without a name of its own is called after the first named operator behind it: the name under which people
   * keep its state anyway. Behind another exchange only, after that one.
   */
  private named(node: KeyByNode): KeyByNode {
    if (node.name !== '') return node
    const operator = this.firstNamedBehind(node.id) ?? String(node.id)
    const base = `${operator}-by-key`.slice(-100)
    let name = base
    for (let i = 2; this.names.has(name); i++) name = `${base}-${i}`
    this.names.add(name)
    return { ...node, name }
  }

  private firstNamedBehind(id: NodeId): string | undefined {
    const reached = new Set([id])
    for (const node of this.nodes) {
      if (!('input' in node) || !reached.has(node.input)) continue
      if ('name' in node && node.name !== '') return node.name
      reached.add(node.id)
    }
    return undefined
  }
}
