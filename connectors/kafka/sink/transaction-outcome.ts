/** What became of a transaction that the coordinator no longer answers for: waits until the log tells (R25). */
import { MillraceError } from '../../../src/common/errors.ts'
import type { CommitOutcome } from '../../../src/ports/transactional-sink.ts'
import type { ClusterAccess } from '../client/cluster-access.ts'
import { outcomeInLog } from '../client/transaction-outcome.ts'
import { describeRanges, type KafkaCommittable } from './kafka-committable.ts'

/** `gone`: ended, and its records are deleted, so that nothing tells how. */
export type LoggedOutcome = CommitOutcome | { readonly kind: 'gone' }

/** Never guesses: as long as the log is undecided it asks again. The caller's deadline bounds it. */
export async function awaitOutcome(client: ClusterAccess, prepared: KafkaCommittable, answer: string): Promise<LoggedOutcome> {
  for (;;) {
    const outcome = await outcomeInLog(client, prepared)
    switch (outcome) {
      case 'committed':
        return { kind: 'committed' }
      case 'aborted':
        return { kind: 'lost', reason: `Kafka aborted it (EndTxn: ${answer}); it wrote ${describeRanges(prepared.ranges)}` }
      case 'gone':
        return { kind: 'gone' }
      case 'undecided':
        client.logger.warn('transaction-undecided', { transactionalId: prepared.transactionalId, answer })
    }
  }
}

export function outcomeUnknown({ id, ranges }: KafkaCommittable): MillraceError {
  return new MillraceError(
    'MR_TRANSACTION_LOST',
    `transaction ${id} has ended, and whether it was committed can't be told: its records are deleted; it wrote ${describeRanges(ranges)}`,
    { details: { transaction: id, ranges } },
  )
}
