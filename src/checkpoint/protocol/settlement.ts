/**
 * What is to be done about the prepared transactions of one worker in recovery (R24 to R27): pure decisions over what
 * the restore point lists, what the log says was salvaged, and what this recovery has learned. The driver
 * (runtime/settle-transactions.ts) carries out one step after another until none is left, and remembers nothing else, so
 * a recovery that is cut short anywhere goes on where the log stands.
 *
 * - Transactions are committed oldest first, the next when the one before is known to be committed (R24).
 * - Behind a lost one nothing may be committed: its records lie before those that will stand in its place. What follows
 *   is aborted before the first of it is salvaged, and salvaged in its turn (R26).
 * - A lost transaction is written again in parts, each a transaction of its own. The log names a part and the rest before
 *   the part is committed (R27), so each is committed, or lost and salvaged itself, before the rest goes on.
 * - What stands before a salvaged one was committed then, and isn't asked about again.
 */
import type { Committable } from '../../ports/transactional-sink.ts'
import type { TransactionSalvaged } from './control-records.ts'

export type SettlementStep =
  /** Learn whether it is committed or lost. */
  | { readonly kind: 'commit'; readonly committable: Committable }
  /** See to it that it can't be committed any more: it is lost then. */
  | { readonly kind: 'abort'; readonly committable: Committable }
  /** Write its first part again, and note it in the log. */
  | { readonly kind: 'salvage'; readonly lost: Committable }
  | { readonly kind: 'done' }

export type KnownOutcome = 'committed' | 'lost'

type InPlace = Pick<TransactionSalvaged, 'done' | 'rest'>

/** A transaction that nothing stands in the place of. */
interface Standing {
  readonly committable: Committable
  readonly origin: 'listed' | 'done' | 'rest'
  readonly isBehindSalvaged: boolean
}

/**
 * @param listed of one worker and participant, oldest first; without those that the log calls settled
 * @param salvaged by the id of the lost one
 * @param known what this recovery has learned, by id
 */
export function decideSettlement(
  listed: readonly Committable[],
  salvaged: ReadonlyMap<string, InPlace>,
  known: ReadonlyMap<string, KnownOutcome>,
): SettlementStep {
  const open = undecided(listed, salvaged)
  const isLost = ({ committable, origin }: Standing) => origin === 'rest' || known.get(committable.id) === 'lost'
  const first = open.findIndex((one) => known.get(one.committable.id) !== 'committed')
  const next = open[first]
  if (next === undefined) return { kind: 'done' }
  if (!isLost(next) && !next.isBehindSalvaged) return { kind: 'commit', committable: next.committable }
  const abortable = open.slice(first).find((one) => !isLost(one))
  if (abortable !== undefined) return { kind: 'abort', committable: abortable.committable }
  return { kind: 'salvage', lost: next.committable }
}

/** What stands now in the place of what is listed, in its order, from the last part that was salvaged on. */
function undecided(listed: readonly Committable[], salvaged: ReadonlyMap<string, InPlace>): Standing[] {
  let standing: Standing[] = []
  let isBehindSalvaged = false
  const visit = (committable: Committable, origin: Standing['origin']): void => {
    const inPlace = salvaged.get(committable.id)
    if (inPlace === undefined) {
      standing.push({ committable, origin, isBehindSalvaged: isBehindSalvaged && origin === 'listed' })
      return
    }
    standing = []
    isBehindSalvaged = true
    visit(inPlace.done, 'done')
    if (inPlace.rest !== null) visit(inPlace.rest, 'rest')
  }
  for (const committable of listed) visit(committable, 'listed')
  return standing
}
