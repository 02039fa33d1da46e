/**
 * How many units of each class a member gets. Units of a class are alike (same stages, same weight); each class is dealt
 * evenly, so a member gets the floor of (units / members) of it, or one more. Who gets one more is decided here, so that
 *
 * 1. the loads of any two members differ by at most the heaviest weight;
 * 2. nobody has nothing while another has two units;
 * 3. as many units as possible stay where they are wanted: where all weights are equal no choice that keeps 1 keeps more.
 *
 * Proof of 1 for the first choice: give w to the r members of least load, whose loads l1 ≤ … ≤ lM spread by at most W ≥ w.
 * Then max(lM, lr + w) − min(l1 + w, l(r+1)) ≤ W, in each of the four cases. The steps that follow keep the spread.
 *
 * Proof of 3: who gets one more is a transport of units between classes and members; its residual graph is searched for
 * cycles of negative cost until there is none, which is optimal.
 */
import { defined } from '../common/assert.ts'

export interface UnitClass {
  /** Above 0; of one unit. */
  readonly weight: number
  readonly units: number
  /** For each member: how many units of the class want to be there. */
  readonly wanted: readonly number[]
}

/** @returns class → member → units */
export function evenShares(classes: readonly UnitClass[], members: number): number[][] {
  const shares = new Shares(classes, members)
  for (const weight of new Set(classes.map((unitClass) => unitClass.weight))) shares.improve(weight)
  shares.serveEmptyHanded()
  return shares.counts()
}

class Shares {
  private readonly classes: readonly UnitClass[]
  private readonly members: number
  private readonly heaviest: number
  /** Class → member → whether it gets one more. */
  private readonly extra: boolean[][]
  /** Of the extras alone: all else is equal for all. */
  private readonly loads: number[]

  constructor(classes: readonly UnitClass[], members: number) {
    this.classes = classes
    this.members = members
    this.heaviest = Math.max(...classes.map(({ weight }) => weight))
    this.loads = new Array<number>(members).fill(0)
    this.extra = classes.map((_, k) => this.firstChoice(k))
  }

  counts(): number[][] {
    return this.extra.map((row, k) => row.map((isExtra) => this.floor(k) + (isExtra ? 1 : 0)))
  }

  /** Lets extras of this weight wander to where they are wanted, along cycles, or from one member to another. */
  improve(weight: number): void {
    const rows = this.classes.flatMap((unitClass, k) => (unitClass.weight === weight ? [k] : []))
    for (;;) {
      const cycle = this.negativeCycle(rows, weight)
      if (cycle === undefined) return
      for (const { row, from, to } of cycle) this.move(row, from, to)
    }
  }

  /** With unequal weights two light units may balance none at all. Then no class gives everybody one. */
  serveEmptyHanded(): void {
    if (this.classes.some((_, k) => this.floor(k) > 0)) return
    const held = (member: number) => this.extra.flatMap((row, k) => (row[member] ? [k] : []))
    for (let empty = 0; empty < this.members; empty++) {
      if (held(empty).length > 0) continue
      for (let giver = 0; giver < this.members; giver++) {
        const rows = held(giver)
        if (rows.length < 2) continue
        const cost = (k: number) => this.gain(k, giver) - this.gain(k, empty)
        const row = rows.reduce((best, k) => (cost(k) < cost(best) ? k : best))
        this.move(row, giver, empty)
        break
      }
    }
  }

  private floor(k: number): number {
    return Math.floor(this.classOf(k).units / this.members)
  }

  private firstChoice(k: number): boolean[] {
    const { units, weight } = this.classOf(k)
    const load = (member: number) => this.loads[member] as number
    const byLoad = this.loads.map((_, member) => member)
    byLoad.sort((a, b) => load(a) - load(b) || this.gain(k, b) - this.gain(k, a) || a - b)
    const row = this.loads.map(() => false)
    for (const member of byLoad.slice(0, units % this.members)) {
      row[member] = true
      this.loads[member] = load(member) + weight
    }
    return row
  }

  /** 1: with one more, the member keeps a unit that it has to give away otherwise. */
  private gain(k: number, member: number): number {
    return (this.classOf(k).wanted[member] as number) > this.floor(k) ? 1 : 0
  }

  private move(row: number, from: number, to: number): void {
    const { weight } = this.classOf(row)
    const extra = this.extra[row] as boolean[]
    extra[from] = false
    extra[to] = true
    this.loads[from] = (this.loads[from] as number) - weight
    this.loads[to] = (this.loads[to] as number) + weight
  }

  private classOf(k: number): UnitClass {
    return this.classes[k] as UnitClass
  }

  /** The cheapest move of an extra from one member to another, if there is one. */
  private cheapest(rows: readonly number[], from: number, to: number): Move | undefined {
    let best: Move | undefined
    for (const row of rows) {
      const extra = this.extra[row] as boolean[]
      if (!extra[from] || extra[to]) continue
      const cost = this.gain(row, from) - this.gain(row, to)
      if (best === undefined || cost < best.cost) best = { row, from, to, cost }
    }
    return best
  }

  /**
   * Bellman-Ford over the members, and one node more that stands for "elsewhere": a cycle through it moves load from one
   * member to another within the band of loads that there is.
   */
  private negativeCycle(rows: readonly number[], weight: number): readonly Move[] | undefined {
    const { members } = this
    const lowest = Math.min(...this.loads)
    const edges: Move[] = []
    for (let from = 0; from < members; from++) {
      const load = this.loads[from] as number
      if (load - weight >= lowest) edges.push({ row: ELSEWHERE, from: members, to: from, cost: 0 })
      if (load + weight <= lowest + this.heaviest) edges.push({ row: ELSEWHERE, from, to: members, cost: 0 })
      for (let to = 0; to < members; to++) {
        const move = from === to ? undefined : this.cheapest(rows, from, to)
        if (move !== undefined) edges.push(move)
      }
    }
    const costs = new Array<number>(members + 1).fill(0)
    const via: (Move | undefined)[] = new Array(members + 1)
    let changed: Move | undefined
    for (let round = 0; round <= members + 1; round++) {
      changed = undefined
      for (const edge of edges) {
        const cost = (costs[edge.from] as number) + edge.cost
        if (cost >= (costs[edge.to] as number)) continue
        costs[edge.to] = cost
        via[edge.to] = edge
        changed = edge
      }
      if (changed === undefined) return undefined
    }
    return cycleBehind(via, defined(changed, 'changed edge').to).filter(({ row }) => row !== ELSEWHERE)
  }
}

interface Move {
  /** The class whose extra moves. */
  readonly row: number
  readonly from: number
  readonly to: number
  /** How many units are at home no longer. */
  readonly cost: number
}

const ELSEWHERE = -1

function cycleBehind(via: ReadonlyArray<Move | undefined>, start: number): Move[] {
  const before = (node: number) => defined(via[node], 'edge of a cycle')
  // So many steps back one stands on the cycle for certain.
  let node = start
  for (let step = 0; step < via.length; step++) node = before(node).from
  const cycle: Move[] = []
  const first = node
  do {
    const edge = before(node)
    cycle.push(edge)
    node = edge.from
  } while (node !== first)
  return cycle
}
