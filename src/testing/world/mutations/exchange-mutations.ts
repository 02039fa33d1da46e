/** R17 to R21: exchanges between workers. */
import { edit, type Mutation } from './mutation.ts'

export const exchangeMutations = {
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
    schedule: 'producer-forgotten',
    without: 'the reader skips what was repeated and refuses gaps',
    edits: [
      edit(
        'connectors/kafka/exchange/acceptance.ts',
        "    if (ahead > 0 && ahead < HALF) throw this.gap(producerId, offset, channel.nextSequence, sequence)\n    channel.lastOffset = offset\n    if (ahead > 0) return 'repeated'",
        '    channel.lastOffset = offset',
      ),
    ],
  },
} satisfies Readonly<Record<string, Mutation>>
