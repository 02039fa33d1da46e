/** What kind of world a seed is: chosen by its number alone, apart from what then happens in it. */
import type { WorkerBounds } from '../../runtime/worker-bounds.ts'
import { SeededRandom } from '../simulator/seeded-random.ts'

export interface Shape {
  /** For the table of what was covered. */
  readonly names: readonly string[]
  readonly brokers: number
  readonly config: Readonly<Record<string, unknown>>
  readonly bounds: Partial<WorkerBounds>
  /** Between two faults, on average, simulated ms. */
  readonly faultIntervalMs: number
  /** Times when everything dies, and stays dead for longer than a transaction may take. */
  readonly disasters: number
  /** Workers come and go, each behind a final checkpoint, and nothing else goes wrong with them. */
  readonly isRolling: boolean
  readonly rewinds: number
  readonly addedPartitions: number
  readonly replacesTopic: boolean
  readonly hasWrongClocks: boolean
  /** Some machines run the next release. */
  readonly hasLaterRelease: boolean
  /** Somebody starts another job under the same application id. */
  readonly hasForeignJob: boolean
  /** How often somebody asks for a savepoint, or for the end of the job. */
  readonly requests: number
}

/** A number that no simulation begins with. */
const SALT = 0x5eed_5a17

/** Transactions that expire soon, slots that come round soon, or neither. */
const PACES = {
  expiring: { checkpointTimeout: 1_000, checkpointTolerableFailures: 2, transactionTimeout: 10_000 },
  tight: { checkpointInterval: 100, checkpointTolerableFailures: 0, transactionSlots: 2 },
  plain: {},
} as const

export function shapeOf(seed: number): Shape {
  const random = new SeededRandom(seed ^ SALT)
  const names: string[] = []
  const has = (name: string, chance: number): boolean => {
    const isSo = random.chance(chance)
    if (isSo) names.push(name)
    return isSo
  }
  const pace = random.pick(['expiring', 'tight', 'plain', 'plain'] as const)!
  const isRewound = has('rewinds', 0.2)
  const isSummed = has('frequent summaries', 0.3)
  const isMerged = has('merges as objects', 0.25)
  const keepsOne = !isRewound && has('one checkpoint retained', 0.15)
  const grows = has('partitions added', 0.15)
  const brokers = has('three brokers', 0.35) ? 3 : 1
  const faultIntervalMs = random.pick([250, 600, 1_500, 4_000])!
  names.push(`${pace} transactions`, `a fault each ${faultIntervalMs} ms`)
  const shape: Shape = {
    names,
    brokers,
    faultIntervalMs,
    config: {
      ...PACES[pace],
      ...(isRewound && { checkpointsRetained: 6 }),
      ...(keepsOne && { checkpointsRetained: 1 }),
      ...(grows && { partitionDiscoveryInterval: 1_000 }),
    },
    bounds: { ...(isSummed && { summaryEvery: random.pick([15, 40])! }), ...(isMerged && { rideBytes: 0, objectBytes: 300 }) },
    disasters: pace === 'expiring' ? 2 : 0,
    isRolling: has('rolling restarts', 0.1),
    rewinds: isRewound ? random.pick([1, 3])! : 0,
    addedPartitions: grows ? 2 : 0,
    replacesTopic: has('source topic replaced', 0.04),
    hasWrongClocks: has('clocks jump', 0.2),
    hasLaterRelease: has('two releases', 0.12),
    hasForeignJob: has('another job of the same id', 0.04),
    requests: 0,
  }
  // Each behind what was drawn before, so that this stays as it was for each seed.
  const config = has('standby copies', 0.35) ? { ...shape.config, standbyReplicas: 1 } : shape.config
  const bounds = has('state written in steps', 0.3) ? { ...shape.bounds, applyEntries: random.pick([1, 3])! } : shape.bounds
  // Elsewhere nothing can be begun anew.
  const isAsked = has('savepoints', 0.35) && !shape.replacesTopic && !shape.hasForeignJob
  if (!isAsked) return { ...shape, config, bounds }
  const retainOnCancel = has('a cancelled job is forgotten', 0.5) ? 'delete' : 'keep'
  return { ...shape, config: { ...config, retainOnCancel }, bounds, requests: random.pick([1, 2, 3])! }
}
