/** The user data of a member's subscription: JSON with a version. */
import type { GroupMember, MemberFacts } from '../../../src/ports/group-membership.ts'

const VERSION = 1

export function encodeFacts(facts: MemberFacts): Buffer {
  const { worker, joinNonce, graphDigest, localState, host } = facts
  return Buffer.from(JSON.stringify({ version: VERSION, worker, joinNonce, graphDigest, localState, host }))
}

/** Undefined: of another release, or not ours. */
export function decodeFacts(userData: Buffer): MemberFacts | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(userData.toString('utf8'))
  } catch {
    return undefined
  }
  if (!isFacts(parsed)) return undefined
  const { worker, joinNonce, graphDigest, localState, host } = parsed
  return { worker, joinNonce, graphDigest, localState, ...(host === undefined ? {} : { host }) }
}

/** A member that can't be understood: no graph has this digest, so it gets no tasks. */
export function strangerFacts(memberId: string): MemberFacts {
  return { worker: memberId, joinNonce: '', graphDigest: '', localState: {} }
}

/** By the worker's name, which outlives its processes; the group's own order changes with every rebalance. */
export function inStableOrder(members: readonly GroupMember[]): readonly GroupMember[] {
  return [...members].sort((a, b) => compare(a.worker, b.worker) || compare(a.memberId, b.memberId))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function isFacts(value: unknown): value is MemberFacts {
  if (typeof value !== 'object' || value === null) return false
  const { version, worker, joinNonce, graphDigest, localState, host } = value as Record<string, unknown>
  if (version !== VERSION) return false
  if (typeof worker !== 'string' || typeof joinNonce !== 'string' || typeof graphDigest !== 'string') return false
  // Members of earlier releases don't say.
  if (host !== undefined && typeof host !== 'string') return false
  if (typeof localState !== 'object' || localState === null) return false
  return Object.values(localState).every((checkpoint) => Number.isSafeInteger(checkpoint))
}
