/**
 * What a reader of one exchange partition believes: which frames are part of the job (R17) and whether any is missing
 * (R18). Pure: told of every frame of the partition in the order of offsets, it says what to do with it.
 *
 * Invariants:
 * - Of an ended channel, frames below its end offset are accepted; of the running epoch's producers, everything; of any
 *   other producer (a zombie, a failed epoch, a foreign program) nothing.
 * - A channel's accepted frames have the sequence numbers from its first one on, each once, without a gap.
 * - When the position passes the end of an ended channel, the frame before that end was there: it is the barrier that the
 *   restored checkpoint counts on. Without this check a log that lost its end would swallow what no later frame betrays.
 *
 * A topic that was deleted and made anew needs no check of its own here: its first frame shows as a gap, or the position
 * lies behind its end.
 */
import { assert } from '../../../src/common/assert.ts'
import { MillraceError } from '../../../src/common/errors.ts'
import type { ChannelState, EndedChannel } from '../../../src/ports/exchange.ts'

/** Kafka's sequence numbers have 31 bits: behind the highest comes 0. */
const SEQUENCES = 2 ** 31
/** A number of the nearer half behind the expected one has been there before. */
const HALF = SEQUENCES / 2

/** The sequence number `count` frames behind another. */
export function sequenceBehind(sequence: number, count: number): number {
  return (sequence + count) % SEQUENCES
}

/** `foreign`: not part of the job. `repeated`: accepted before. */
export type Verdict = 'accepted' | 'repeated' | 'foreign'

interface Channel {
  nextSequence: number
  /** Infinity: of the running epoch. */
  readonly endOffset: number
  /** Of the last frame that belongs to it. */
  lastOffset: number
}

export class Acceptance {
  private readonly topic: string
  private readonly partition: number
  private readonly channels = new Map<number, Channel>()
  /** The least end of an ended channel that the position has not passed. */
  private nextEnd = Number.POSITIVE_INFINITY

  /** @param position where reading begins @param producers of the running epoch */
  constructor(
    topic: string,
    partition: number,
    position: number,
    ended: readonly EndedChannel[],
    producers: ReadonlySet<number>,
  ) {
    this.topic = topic
    this.partition = partition
    for (const { producerId, nextSequence, endOffset } of ended) {
      assert(!producers.has(producerId), 'a producer of the running epoch is new')
      if (endOffset <= position) continue
      this.channels.set(producerId, { nextSequence, endOffset, lastOffset: -1 })
      this.nextEnd = Math.min(this.nextEnd, endOffset)
    }
    for (const producerId of producers) {
      this.channels.set(producerId, { nextSequence: 0, endOffset: Number.POSITIVE_INFINITY, lastOffset: -1 })
    }
  }

  /** The next frame of the partition. Throws MR_EXCHANGE_GAP. */
  judge(producerId: number, sequence: number, offset: number): Verdict {
    this.passTo(offset) // channels that end here are gone with it
    const channel = this.channels.get(producerId)
    if (channel === undefined) return 'foreign'
    const ahead = (sequence - channel.nextSequence + SEQUENCES) % SEQUENCES
    if (ahead > 0 && ahead < HALF) throw this.gap(producerId, offset, channel.nextSequence, sequence)
    channel.lastOffset = offset
    if (ahead > 0) return 'repeated'
    channel.nextSequence = sequenceBehind(sequence, 1)
    return 'accepted'
  }

  /** Nothing more comes from below `position`. Throws MR_EXCHANGE_GAP where an ended channel's last frame was not there. */
  passTo(position: number): void {
    if (position < this.nextEnd) return
    this.nextEnd = Number.POSITIVE_INFINITY
    for (const [producerId, channel] of this.channels) {
      const { endOffset, lastOffset, nextSequence } = channel
      if (endOffset > position) {
        this.nextEnd = Math.min(this.nextEnd, endOffset)
        continue
      }
      if (lastOffset !== endOffset - 1) throw this.gap(producerId, endOffset - 1, nextSequence, null)
      this.channels.delete(producerId)
    }
  }

  /** Every channel of the running epoch, and the ended ones whose end has not been passed. */
  states(): ChannelState[] {
    return Array.from(this.channels, ([producerId, { nextSequence }]) => ({ producerId, nextSequence }))
  }

  private gap(producerId: number, offset: number, expected: number, found: number | null): MillraceError {
    const { topic, partition } = this
    const what =
      found === null
        ? `the barrier that ends the channel of producer ${producerId} is not at offset ${offset} (sequence ${expected} or later)`
        : `producer ${producerId} goes on with sequence ${found} at offset ${offset}, expected is ${expected}`
    return new MillraceError('MR_EXCHANGE_GAP', `frames are missing in ${topic}-${partition}: ${what}`, {
      details: { topic, partition, offset, producerId, expectedSequence: expected, foundSequence: found },
    })
  }
}
