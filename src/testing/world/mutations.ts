/**
 * The rules of docs/protocol.md, each broken in the source as it is loaded: the product has no switches for it. A simulator
 * that doesn't notice proves nothing. `npm run simulate -- --mutation R22`.
 */
export interface Mutation {
  readonly rule: string
  /** What is left out, in words. */
  readonly without: string
  readonly edits: readonly SourceEdit[]
}

export interface SourceEdit {
  /** From the repository's root. */
  readonly file: string
  /** Stands in the file exactly once. */
  readonly find: string
  readonly replace: string
}

const edit = (file: string, find: string, replace: string): SourceEdit => ({ file, find, replace })

export const mutations: Readonly<Record<string, Mutation>> = {
  R2: {
    rule: 'R2',
    without: 'the first decision about a checkpoint stands',
    edits: [
      edit(
        'src/checkpoint/protocol/transitions.ts',
        "  aborted: {\n    'checkpoint-triggered': 'void',\n    'checkpoint-acked': 'void',\n    'checkpoint-declined': 'void',\n    'checkpoint-completed': 'void',",
        "  aborted: {\n    'checkpoint-triggered': 'void',\n    'checkpoint-acked': 'void',\n    'checkpoint-declined': 'void',\n    'checkpoint-completed': 'completed',",
      ),
    ],
  },
  R3: {
    rule: 'R3',
    without: 'a claim names the claim before it',
    edits: [edit('src/checkpoint/protocol/log-view.ts', 'if (claim.previousEpoch !== this.epoch) return false', '')],
  },
  R4: {
    rule: 'R4',
    without: 'a claim is for the nonces that it names',
    edits: [
      edit(
        'src/runtime/claim.ts',
        'claim?.members.findIndex((member) => member.joinNonce === joinNonce) ?? -1',
        "claim?.members.findIndex((member) => joinNonce !== '') ?? -1",
      ),
    ],
  },
  R11: {
    rule: 'R11',
    without: 'a manifest lists the segments of aborted checkpoints',
    edits: [
      edit(
        'src/runtime/worker-checkpoints.ts',
        'segments: this.overlays.flatMap((pending) => pending.segment ?? []),',
        'segments: this.overlays.slice(-1).flatMap((pending) => pending.segment ?? []),',
      ),
    ],
  },
  R12: {
    rule: 'R12',
    without: 'an ack carries the transactions of earlier checkpoints',
    edits: [
      edit(
        'src/runtime/worker-checkpoints.ts',
        'committables: this.transactions.map(',
        'committables: this.transactions.filter((one) => one.checkpoint === checkpoint).map(',
      ),
    ],
  },
  R13: {
    rule: 'R13',
    without: 'local state is used only if its marker is an ancestor',
    edits: [
      edit(
        'src/runtime/restore-state.ts',
        '    [...ancestors, restorePoint].some(\n      (point) => point.checkpoint === marker.checkpoint && point.sha256 === marker.metadataDigest,\n    )',
        '    marker.checkpoint > 0',
      ),
    ],
  },
  R17: {
    rule: 'R17',
    without: 'of a channel of an earlier epoch only what lies below its end is accepted',
    edits: [
      edit(
        'connectors/kafka/exchange/acceptance.ts',
        '      if (lastOffset !== endOffset - 1) throw this.gap(producerId, endOffset - 1, nextSequence, null)\n      this.channels.delete(producerId)',
        '',
      ),
    ],
  },
  R18: {
    rule: 'R18',
    without: 'the reader skips what was repeated and refuses gaps',
    edits: [
      edit(
        'connectors/kafka/exchange/acceptance.ts',
        "    if (ahead > 0 && ahead < HALF) throw this.gap(producerId, offset, channel.nextSequence, sequence)\n    channel.lastOffset = offset\n    if (ahead > 0) return 'repeated'",
        '    channel.lastOffset = offset',
      ),
    ],
  },
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
}
