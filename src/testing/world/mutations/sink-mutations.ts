/** R22 to R28: the transactional sink. */
import { edit, type Mutation } from './mutation.ts'

const TRANSACTIONS = 'connectors/kafka/sink/kafka-transactions.ts'

export const sinkMutations = {
  R22: {
    rule: 'R22',
    schedule: 'commit-repeated-late',
    without: 'the epoch of a slot is raised before it is used again',
    edits: [
      // As other clients use a transactional id: one identity for many transactions, its sequences going on.
      edit(
        TRANSACTIONS,
        '  private givenUp = 0\n',
        '  private givenUp = 0\n  private readonly used = new Map<string, ProducerIdentity>()\n',
      ),
      edit(
        TRANSACTIONS,
        '    return committableOf(identity, ranges)\n',
        "    this.used.set(identity.transactionalId ?? '', identity)\n    return committableOf(identity, ranges)\n",
      ),
      edit(
        TRANSACTIONS,
        'this.raise(transactionalId, { producerId, producerEpoch }).then(',
        'Promise.resolve({ producerId, producerEpoch }).then(',
      ),
      edit(
        TRANSACTIONS,
        'this.release(new ProducerIdentity(transactionalId, raised))',
        'this.release(this.used.get(transactionalId) ?? new ProducerIdentity(transactionalId, raised))',
      ),
    ],
  },
  R23: {
    rule: 'R23',
    schedule: 'output-refused',
    without: 'output waits for that of the transaction before',
    edits: [
      edit(
        'connectors/kafka/client/partition-queue.ts',
        'if (last.share.span.identity !== identity || this.#inFlightBroker !== broker) return false',
        'if (last.share.span.identity !== identity) return true',
      ),
      edit(
        'connectors/kafka/client/partition-queue.ts',
        'if (this.#mustRewind || this.#isProbing || !share.identity.acknowledged) return false\n',
        '',
      ),
    ],
  },
  R24: {
    rule: 'R24',
    schedule: 'aborted-then-complete',
    without: 'transactions are committed oldest first',
    edits: [
      edit(
        'src/runtime/checkpoints/worker-checkpoints.ts',
        'for (const transaction of this.transactions.filter((one) => one.checkpoint <= checkpoint)) {',
        'for (const transaction of this.transactions.filter((one) => one.checkpoint <= checkpoint).reverse()) {',
      ),
    ],
  },
  R25: {
    rule: 'R25',
    schedule: 'commit-too-late',
    without: 'an undecided transaction is waited for',
    edits: [
      edit(
        'connectors/kafka/client/transaction-outcome.ts',
        "if (fetched.lastStableOffset <= range.lastOffset) return 'undecided'",
        "if (fetched.lastStableOffset <= range.lastOffset) return 'committed'",
      ),
    ],
  },
  R26: {
    rule: 'R26',
    schedule: 'commit-too-late',
    without: 'a worker that finds its transaction lost fails the epoch',
    edits: [
      edit(
        'src/runtime/checkpoints/worker-checkpoints.ts',
        "if (outcome.kind === 'lost') {",
        "if (outcome.kind === ('never' as string)) {",
      ),
    ],
  },
  'R26-order': {
    rule: 'R26',
    schedule: 'aborted-then-complete',
    without: 'what follows a lost transaction is aborted before that is written again',
    edits: [
      edit(
        'src/checkpoint/protocol/settlement.ts',
        "  if (abortable !== undefined) return { kind: 'abort', committable: abortable.committable }\n",
        '',
      ),
      edit('src/checkpoint/protocol/settlement.ts', 'if (!isLost(next) && !next.isBehindSalvaged)', 'if (!isLost(next))'),
      edit('src/checkpoint/protocol/settlement.ts', 'const abortable = open.slice(first).find((one) => !isLost(one))', ''),
    ],
  },
  R27: {
    rule: 'R27',
    schedule: 'salvage-cut-short',
    without: 'a salvage stands in the log before it is committed',
    edits: [
      edit(
        'src/runtime/settle-transactions.ts',
        'const { done, rest } = await participant.salvage(lost)',
        'const { done, rest } = await participant.salvage(lost)\n  await participant.settle(done)',
      ),
    ],
  },
  'R27-rest': {
    rule: 'R27',
    schedule: 'salvage-cut-short',
    without: 'a salvage goes on at what its last part has left',
    edits: [
      // So small that what is salvaged here has several parts.
      edit('connectors/kafka/sink/salvage.ts', 'SALVAGE_PART_BYTES = 8 * 1024 * 1024', 'SALVAGE_PART_BYTES = 64'),
      edit('src/checkpoint/protocol/settlement.ts', "    if (inPlace.rest !== null) visit(inPlace.rest, 'rest')\n", ''),
    ],
  },
} satisfies Readonly<Record<string, Mutation>>
