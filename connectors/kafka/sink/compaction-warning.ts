/**
 * Exactly-once output into a compacted topic: when Kafka aborts a transaction because the job was down for longer than
 * the transaction timeout, recovery reads its records back (R27), but the cleaner may have removed them before, since
 * nobody was to see them. `min.compaction.lag.ms` keeps it from young records; by default it is 0.
 */
import { formatDurationMs } from '../../../src/config/units.ts'
import type { KafkaClient } from '../client/client.ts'
import { describeIfAllowed } from '../describe-if-allowed.ts'

/** An outage of a day is not unheard of. */
const ENOUGH_LAG_MS = 24 * 60 * 60 * 1000

export async function warnOfCompaction(client: KafkaClient, topic: string): Promise<void> {
  const [policy, lag] = await Promise.all([
    describeIfAllowed(client, { topic }, 'cleanup.policy'),
    describeIfAllowed(client, { topic }, 'min.compaction.lag.ms'),
  ])
  if (!compactsTooSoon(policy, lag)) return
  client.logger.warn('output-compacted-soon', {
    topic,
    minCompactionLagMs: Number(lag ?? 0),
    message:
      'exactly-once output to a compacted topic can be lost when the job is down for longer than the transaction timeout; ' +
      `set min.compaction.lag.ms of the topic to ${formatDurationMs(ENOUGH_LAG_MS)} or more`,
  })
}

/** Of settings as Kafka tells them; undefined: not told. */
export function compactsTooSoon(policy: string | undefined, lag: string | undefined): boolean {
  return (policy ?? '').split(',').includes('compact') && Number(lag ?? 0) < ENOUGH_LAG_MS
}
