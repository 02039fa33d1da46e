/** Faults at exact events, for what chance would need too many seeds to meet. Seeded still: each runs over many of them. */
import type { Adversary } from '../adversary.ts'
import type { ScenarioOptions } from '../scenario.ts'
import type { WorldOptions } from '../world.ts'

export interface Schedule {
  readonly name: string
  /** What happens, in words. */
  readonly about: string
  /** That run when it begins. */
  readonly workers: number
  readonly world?: WorldOptions
  readonly input?: Partial<ScenarioOptions>
  /** When it ends nothing is held any more, and the job must come right. */
  readonly strike: (adversary: Adversary) => Promise<void>
}
