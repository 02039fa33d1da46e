/**
 * What a faulty program (faulty-program.ts) does, by environment variables:
 * - FAULT_KILL=<point>:<n> kills the process with SIGKILL the n-th time that it reaches the point;
 * - FAULT_HANG=commits lets no commit of a transaction be carried out;
 * - FAULT_BUG=<bug> breaks a rule of the protocol, to see the tests fail.
 */
import { dieAt } from '../support/die.ts'

export const KILL_POINTS = [
  'before-ack',
  'during-upload',
  'after-metadata',
  'before-commit',
  'after-commit',
  'during-state-write',
] as const
/** Reached only where a transaction is salvaged (R27): between its two phases, and around them. */
export const SALVAGE_KILL_POINTS = ['after-salvage-flush', 'after-salvage-record', 'after-salvage-commit'] as const
export type KillPoint = (typeof KILL_POINTS)[number] | (typeof SALVAGE_KILL_POINTS)[number]

export const BUGS = ['commit-before-completion', 'overlay-not-dropped'] as const
export type Bug = (typeof BUGS)[number]

export interface Faults {
  readonly kill: { readonly point: KillPoint; readonly at: number } | undefined
  readonly bug: Bug | undefined
  readonly commitsHang: boolean
}

export function faultsFromEnvironment(env: NodeJS.ProcessEnv): Faults {
  const [point, at] = (env.FAULT_KILL ?? '').split(':')
  return {
    kill: point
      ? {
          point: [...KILL_POINTS, ...SALVAGE_KILL_POINTS].find((known) => known === point) ?? unknown('kill point', point),
          at: Number(at),
        }
      : undefined,
    bug: env.FAULT_BUG ? (BUGS.find((known) => known === env.FAULT_BUG) ?? unknown('bug', env.FAULT_BUG)) : undefined,
    commitsHang: env.FAULT_HANG === 'commits',
  }
}

function unknown(what: string, name: string): never {
  throw new Error(`unknown ${what} ${name}`)
}

/** Counts arrivals at kill points; the chosen one does not return. */
export class Killer {
  private readonly faults: Faults
  private arrivals = 0

  constructor(faults: Faults) {
    this.faults = faults
  }

  reach(point: KillPoint): void {
    const { kill } = this.faults
    if (kill?.point !== point || ++this.arrivals !== kill.at) return
    dieAt(point, undefined)
  }
}
