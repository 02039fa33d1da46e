/** What became of a transaction that the coordinator no longer answers for: waits until the log tells (R25). */
import type { CommitOutcome } from '../../../src/ports/transactional-sink.ts'
import type { ClusterAccess } from '../client/cluster-access.ts'
import type { PartitionRange } from '../client/producer-span.ts'
import { outcomeInLog } from '../client/transaction-outcome.ts'

interface Prepared {
  readonly transactionalId: string
  readonly producerId: number
  readonly ranges: readonly PartitionRange[]
}

/** Never guesses: as long as the log is undecided it asks again. The caller's deadline bounds it. */
export async function awaitOutcome(client: ClusterAccess, prepared: Prepared, answer: string): Promise<CommitOutcome> {
  for (;;) {
    const outcome = await outcomeInLog(client, prepared)
    switch (outcome) {
      case 'committed':
        return { kind: 'committed' }
      case 'aborted':
        return { kind: 'lost', reason: `Kafka aborted it (EndTxn: ${answer}); it wrote ${describe(prepared.ranges)}` }
      case 'gone':
        return { kind: 'lost', reason: `its records are deleted (EndTxn: ${answer}); it wrote ${describe(prepared.ranges)}` }
      case 'undecided':
        client.logger.warn('transaction-undecided', { transactionalId: prepared.transactionalId, answer })
    }
  }
}

function describe(ranges: readonly PartitionRange[]): string {
  return ranges
    .map(
      ({ topic, partition, firstOffset, lastOffset, recordCount }) =>
        `${recordCount} records to ${topic}/${partition} at offsets ${firstOffset} to ${lastOffset}`,
    )
    .join(', ')
}
