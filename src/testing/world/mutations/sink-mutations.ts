/** R22 to R28: the transactional sink. */
import { edit, type Mutation } from './mutation.ts'

export const sinkMutations = {
  R22: {
    rule: 'R22',
    without: 'the epoch of a slot is raised before it is used again',
    edits: [
      edit(
        'connectors/kafka/sink/kafka-transactions.ts',
        'this.raise(transactionalId, { producerId, producerEpoch }).then(',
        'Promise.resolve({ producerId, producerEpoch }).then(',
      ),
    ],
  },
  R23: {
    rule: 'R23',
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
    without: 'transactions are committed oldest first',
    edits: [
      edit(
        'src/runtime/worker-checkpoints.ts',
        'for (const transaction of this.transactions.filter((one) => one.checkpoint <= checkpoint)) {',
        'for (const transaction of this.transactions.filter((one) => one.checkpoint <= checkpoint).reverse()) {',
      ),
    ],
  },
  R25: {
    rule: 'R25',
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
    without: 'a worker that finds its transaction lost fails the epoch',
    edits: [
      edit(
        'src/runtime/worker-checkpoints.ts',
        "if (outcome.kind === 'lost') {",
        "if (outcome.kind === ('never' as string)) {",
      ),
    ],
  },
} satisfies Readonly<Record<string, Mutation>>
