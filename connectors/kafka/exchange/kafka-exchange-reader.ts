/**
 * Reads the assigned partitions of exchanges, frame by frame, and passes over what is not part of the job (acceptance.ts).
 * Read uncommitted: nothing in these topics is written in transactions.
 *
 * Where it stands in a partition is always right behind a frame that was polled, or further where nothing was accepted
 * since; a fetched batch may be read in part.
 */
import { defined } from '../../../src/common/assert.ts'
import { isMillraceError, MillraceError } from '../../../src/common/errors.ts'
import type { ConnectorContext, Counter } from '../../../src/ports/connector-context.ts'
import type { ChannelState, ExchangeInput, ExchangeReader, ReceivedFrame } from '../../../src/ports/exchange.ts'
import type { Fetcher } from '../client/fetcher.ts'
import type { BatchHeader } from '../codec/batch-header.ts'
import type { RecordSet } from '../codec/record-set.ts'
import { Acceptance, sequenceBehind } from './acceptance.ts'

/** One assigned partition. */
interface Input {
  readonly exchange: string
  readonly topic: string
  readonly partition: number
  readonly acceptance: Acceptance
  /** Frames that were passed over. */
  readonly passedOver: Counter
  position: number
}

/** A fetched batch that is handed out frame by frame. */
interface Unfinished {
  readonly input: Input
  readonly header: BatchHeader
  readonly records: RecordSet
  readonly nextOffset: number
  next: number
}

export class KafkaExchangeReader implements ExchangeReader {
  private readonly fetcher: Fetcher
  private readonly inputs: readonly Input[]
  private readonly byTopic = new Map<string, Map<number, Input>>()
  private unfinished: Unfinished | undefined
  /** Behind a gap nothing is read any more. */
  private failure: unknown

  /** Begins to fetch. */
  constructor(
    context: ConnectorContext,
    fetcher: Fetcher,
    inputs: readonly ExchangeInput[],
    producers: ReadonlySet<number>,
    topicOf: (exchange: string) => string,
  ) {
    this.fetcher = fetcher
    this.inputs = inputs.map(({ exchange, partition, position, ended }) => {
      const topic = topicOf(exchange)
      const acceptance = new Acceptance(topic, partition, position, ended, producers)
      const passedOver = context.metrics.counter(
        'millrace_exchange_frames_passed_over_total',
        'Frames of an exchange that are not part of the job: of workers of failed epochs, or repeated',
        { exchange },
      )
      return { exchange, topic, partition, acceptance, passedOver, position }
    })
    for (const input of this.inputs) {
      const partitions = this.byTopic.get(input.topic) ?? new Map<number, Input>()
      this.byTopic.set(input.topic, partitions.set(input.partition, input))
    }
    fetcher.assign(this.inputs.map(({ topic, partition, position }) => ({ topic, partition, offset: position })))
  }

  poll(): ReceivedFrame | undefined {
    if (this.failure !== undefined) throw this.failure
    try {
      return this.next()
    } catch (error) {
      this.failure = positionLost(error)
      throw this.failure
    }
  }

  async whenAvailable(): Promise<void> {
    if (this.failure !== undefined) throw this.failure
    if (this.unfinished !== undefined) return
    try {
      await this.fetcher.whenAvailable()
    } catch (error) {
      throw positionLost(error)
    }
  }

  position(exchange: string, partition: number): { position: number; channels: readonly ChannelState[] } {
    const found = this.inputs.find((input) => input.exchange === exchange && input.partition === partition)
    const { position, acceptance } = defined(found, 'an assigned partition')
    return { position, channels: acceptance.states() }
  }

  lag(): ReadonlyMap<string, ReadonlyMap<number, number>> {
    const lags = new Map<string, Map<number, number>>()
    for (const { exchange, topic, partition, position } of this.inputs) {
      const behind = this.fetcher.lag(topic, partition)
      if (behind === undefined) continue
      // The fetcher stands behind the whole batch that is being handed out.
      const unread = (this.fetcher.position(topic, partition) ?? position) - position
      let ofExchange = lags.get(exchange)
      if (ofExchange === undefined) lags.set(exchange, (ofExchange = new Map()))
      ofExchange.set(partition, behind + unread)
    }
    return lags
  }

  async close(): Promise<void> {
    this.fetcher.close()
  }

  /** The next accepted frame of any partition. */
  private next(): ReceivedFrame | undefined {
    for (;;) {
      const frame = this.unfinished === undefined ? undefined : this.nextOf(this.unfinished)
      if (frame !== undefined) return frame
      const fetched = this.fetcher.poll()
      if (fetched === undefined) return undefined
      const input = defined(this.byTopic.get(fetched.topic)?.get(fetched.partition), 'input of a fetched batch')
      const { header, records, nextOffset } = fetched
      if (header === null || records === null) this.passTo(input, nextOffset)
      else this.unfinished = { input, header, records, nextOffset, next: 0 }
    }
  }

  /** The next accepted frame of the batch; undefined: it has no more, and reading goes on behind it. */
  private nextOf(batch: Unfinished): ReceivedFrame | undefined {
    const { input, header, records } = batch
    const { producerId, baseOffset, baseSequence } = header
    while (batch.next < records.count) {
      const index = batch.next++
      const offset = records.offsets[index]!
      // The batch may begin before the position reading goes on from, and then its sequence does, too.
      const verdict = input.acceptance.judge(producerId, sequenceBehind(baseSequence, offset - baseOffset), offset)
      if (verdict === 'accepted') {
        if (batch.next === records.count) this.finish(batch)
        else this.passTo(input, offset + 1)
        return {
          exchange: input.exchange,
          partition: input.partition,
          producerId,
          offset,
          buffer: records.buffer,
          // A null value, which no worker writes, is an empty frame: the engine refuses it by name.
          start: Math.max(0, records.valueStart[index]!),
          end: Math.max(0, records.valueEnd[index]!),
        }
      }
      if (verdict === 'repeated') input.passedOver.add(1)
      else {
        // Neither is what follows in the same batch.
        input.passedOver.add(records.count - index)
        break
      }
    }
    this.finish(batch)
    return undefined
  }

  private finish({ input, nextOffset }: Unfinished): void {
    this.unfinished = undefined
    this.passTo(input, nextOffset)
  }

  private passTo(input: Input, position: number): void {
    input.acceptance.passTo(position)
    input.position = position
  }
}

/** Never reset (R20): what lies between was acknowledged, and is part of the job. */
function positionLost(error: unknown): unknown {
  if (!isMillraceError(error, 'MR_KAFKA_OFFSET_OUT_OF_RANGE')) return error
  return new MillraceError('MR_EXCHANGE_POSITION_LOST', error.message, { cause: error, details: error.details })
}
