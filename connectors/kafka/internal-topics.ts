/** What the topics that a job makes for itself have in common: nothing in them goes but by the job, whatever the time on it. */
import { describeConfigs } from './client/admin.ts'
import type { ClusterAccess } from './client/cluster-access.ts'

export const REQUIRED = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'message.timestamp.type': 'CreateTime',
} as const

/**
 * How far the clock of a worker may differ from the broker's. Brokers from 3.6 on have these (KIP-937), from 4.0 on with
 * a bound of an hour by default (KIP-1030); an older one would refuse to create a topic with them.
 */
const NO_BOUND = String(2n ** 63n - 1n)
const REQUIRED_IF_KNOWN: Readonly<Record<string, string>> = {
  'message.timestamp.before.max.ms': NO_BOUND,
  'message.timestamp.after.max.ms': NO_BOUND,
}

export interface FoundSettings {
  /** Those that must be set, and what to. */
  readonly wrong: Readonly<Record<string, string>>
  readonly found: ReadonlyMap<string, string | null>
}

/** @param also further settings that the caller wants to see */
export async function checkSettings(
  cluster: ClusterAccess,
  topic: string,
  also: readonly string[] = [],
): Promise<FoundSettings> {
  const required: Readonly<Record<string, string>> = { ...REQUIRED, ...REQUIRED_IF_KNOWN }
  const found = await describeConfigs(cluster, { topic }, [...Object.keys(required), ...also])
  const wrong = Object.entries(required).filter(([name, wanted]) => {
    const present = found.get(name)
    return present !== wanted && (present !== undefined || !(name in REQUIRED_IF_KNOWN))
  })
  return { wrong: Object.fromEntries(wrong), found }
}
