/**
 * Steps 3 and 4 of recovery (R6): the restore point's prepared transactions are settled, worker by worker, oldest first
 * (R24), lost ones salvaged (R26, R27); then the log is read once more for a later claim, and every transactional id
 * that the job ever used is fenced.
 *
 * What to do next is decided in checkpoint/protocol/settlement.ts; here it is done. Nothing needs to be remembered from one
 * recovery to the next but what stands in the log.
 */
import type { CheckpointMetadata } from '../checkpoint/metadata.ts'
import { decideSettlement, type KnownOutcome } from '../checkpoint/protocol/settlement.ts'
import { MillraceError } from '../common/errors.ts'
import type { Logger } from '../common/logger.ts'
import type { Committable, FreshIdentities, TransactionParticipant } from '../ports/transactional-sink.ts'
import { appendOne, type LogFollower } from './log-follower.ts'
import { Superseded } from './superseded.ts'

export interface Settled {
  /** The ids of all transactions whose outcome is known now. */
  readonly settled: readonly string[]
  /** Participant → the identities that its workers begin with. */
  readonly fresh: Readonly<Record<string, FreshIdentities>>
}

export async function settleTransactions(
  follower: LogFollower,
  epoch: number,
  metadata: CheckpointMetadata | null,
  participants: readonly TransactionParticipant[],
  logger: Logger,
): Promise<Settled> {
  const settled = new Set(follower.view.settled)
  for (const [worker, listed] of Object.entries(metadata?.committables ?? {})) {
    const unknown = listed.find((one) => !participants.some((participant) => participant.name === one.participant))
    if (unknown !== undefined) {
      throw new MillraceError(
        'MR_TRANSACTION_LOST',
        `no sink of the job can commit transaction ${unknown.committable.id} of ${unknown.participant}`,
        { remedy: 'Start the job once more with the sinks that it had, and end it by SIGTERM before they are taken away.' },
      )
    }
    for (const participant of participants) {
      const open = listed
        .filter((one) => one.participant === participant.name && !settled.has(one.committable.id))
        .map((one) => one.committable)
      if (open.length === 0) continue
      const salvagedParts = await settleInOrder({ follower, epoch, worker, participant, logger }, open)
      for (const { id } of open) settled.add(id)
      logger.info('transactions-settled', { worker, transactions: open.length, salvagedParts })
    }
  }
  await stillLeading(follower, epoch)
  const { poolWorkers, poolSlots } = follower.view
  const fresh: Record<string, FreshIdentities> = {}
  for (const participant of participants) fresh[participant.name] = await participant.fence(poolWorkers, poolSlots)
  return { settled: [...settled], fresh }
}

interface Settling {
  readonly follower: LogFollower
  readonly epoch: number
  readonly worker: string
  readonly participant: TransactionParticipant
  readonly logger: Logger
}

/** Of one worker and participant. Returns how many parts were salvaged. */
async function settleInOrder(settling: Settling, open: readonly Committable[]): Promise<number> {
  const { follower, epoch, worker, participant, logger } = settling
  const known = new Map<string, KnownOutcome>()
  for (let salvagedParts = 0; ; ) {
    const step = decideSettlement(open, follower.view.salvaged, known)
    switch (step.kind) {
      case 'commit': {
        const { id } = step.committable
        const outcome = await participant.settle(step.committable)
        known.set(id, outcome.kind)
        if (outcome.kind === 'lost') logger.warn('transaction-aborted', { worker, transaction: id, reason: outcome.reason })
        break
      }
      case 'abort':
        await stillLeading(follower, epoch)
        await participant.abandon(step.committable)
        known.set(step.committable.id, 'lost')
        break
      case 'salvage':
        // Who leads no more must not take the salvage's transactional id from who does.
        await stillLeading(follower, epoch)
        await salvage(settling, step.lost)
        salvagedParts++
        break
      case 'done':
        return salvagedParts
    }
  }
}

/** Both phases but the commit, which is the next step: by then the log holds what stands in the lost one's place. */
async function salvage({ follower, epoch, worker, participant, logger }: Settling, lost: Committable): Promise<void> {
  const { done, rest } = await participant.salvage(lost)
  const isValid = await appendOne(follower, {
    type: 'transaction-salvaged',
    epoch,
    worker,
    participant: participant.name,
    lost: lost.id,
    done,
    rest,
  })
  if (!isValid) throw superseded(follower)
  logger.warn('transaction-salvaged', { worker, lost: lost.id, by: done.id, rest: rest?.id ?? null })
}

async function stillLeading(follower: LogFollower, epoch: number): Promise<void> {
  await follower.catchUp()
  if (follower.view.epoch !== epoch) throw superseded(follower)
}

function superseded(follower: LogFollower): Superseded {
  return new Superseded(`epoch ${follower.view.epoch} has taken over during recovery`)
}
