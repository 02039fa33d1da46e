/**
 * Steps 3 and 4 of recovery (R6): the restore point's prepared transactions are settled, each worker's oldest first (R24);
 * then the log is read once more for a later claim, and every transactional id that the job ever used is fenced.
 */
import type { CheckpointMetadata } from '../checkpoint/metadata.ts'
import { MillraceError } from '../common/errors.ts'
import type { Logger } from '../common/logger.ts'
import type { TransactionParticipant } from '../ports/transactional-sink.ts'
import type { LogFollower } from './log-follower.ts'
import { Superseded } from './superseded.ts'

/** Returns the ids of all transactions whose outcome is known now. */
export async function settleTransactions(
  follower: LogFollower,
  epoch: number,
  metadata: CheckpointMetadata | null,
  participants: readonly TransactionParticipant[],
  logger: Logger,
): Promise<string[]> {
  const settled = new Set(follower.view.settled)
  for (const [worker, listed] of Object.entries(metadata?.committables ?? {})) {
    for (const participant of participants) {
      const open = listed
        .filter((one) => one.participant === participant.name && !settled.has(one.committable.id))
        .map((one) => one.committable)
      const outcomes = await participant.settle(open)
      outcomes.forEach((outcome, i) => {
        const id = open[i]!.id
        if (outcome.kind === 'lost') {
          throw new MillraceError('MR_TRANSACTION_LOST', `transaction ${id} of worker ${worker} is lost: ${outcome.reason}`)
        }
        settled.add(id)
      })
      if (open.length > 0) logger.info('transactions-settled', { worker, transactions: open.length })
    }
    const unknown = listed.find((one) => !participants.some((participant) => participant.name === one.participant))
    if (unknown !== undefined) {
      throw new MillraceError(
        'MR_TRANSACTION_LOST',
        `no sink of the job can commit transaction ${unknown.committable.id} of ${unknown.participant}`,
      )
    }
  }
  await follower.catchUp()
  if (follower.view.epoch !== epoch) throw new Superseded(`epoch ${follower.view.epoch} has taken over during recovery`)
  const { poolWorkers, poolSlots } = follower.view
  for (const participant of participants) await participant.fence(poolWorkers, poolSlots)
  return [...settled]
}
