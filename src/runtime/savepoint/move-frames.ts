/**
 * Writes what a savepoint holds of records in flight into the exchange topics of the job: a channel of its own, as that of
 * a worker of an earlier epoch (R17), between two barriers. Readers take exactly what lies between these, however often
 * the job starts anew; a channel that was left unfinished is nobody's.
 */
import type { ByPartition, ExchangePosition } from '../../checkpoint/manifest.ts'
import type { WriterChannels } from '../../checkpoint/metadata.ts'
import type { SavepointReader } from '../../checkpoint/savepoint/savepoint-reader.ts'
import { latin1Slice } from '../../common/bytes.ts'
import type { Stage } from '../../graph/stages.ts'
import type { Exchange, ExchangeTopic, ExchangeWriter } from '../../ports/exchange.ts'
import { encodeBarrier } from '../../records/exchange-frame.ts'
import { RecordsFrameDecoder } from '../../records/records-frame.ts'
import { valueDecoder } from '../../state/frame-values.ts'
import { ExchangeOutput } from '../tasks/exchange-output.ts'
import type { FramesRoute } from './savepoint-fit.ts'

export interface FramesMove {
  readonly reader: SavepointReader
  readonly routes: readonly FramesRoute[]
  readonly stages: readonly Stage[]
  readonly exchange: Exchange
  readonly topics: readonly ExchangeTopic[]
  readonly epoch: number
  /** Of this job: that its copy becomes. */
  readonly checkpoint: number
  readonly signal: AbortSignal
}

export interface MovedFrames {
  readonly writers: readonly WriterChannels[]
  readonly positions: ByPartition<ExchangePosition>
}

export async function moveFrames(move: FramesMove): Promise<MovedFrames> {
  const { routes, exchange, topics, epoch, checkpoint } = move
  if (routes.length === 0) return { writers: [], positions: {} }
  const writer = await exchange.openWriter(topics)
  try {
    // Neither counts as one: barriers of earlier epochs mean nothing.
    const barrier = encodeBarrier({ checkpoint, kind: 'periodic', watermark: Number.NEGATIVE_INFINITY })
    const begins = await writer.appendToAll(barrier)
    for (const route of routes) {
      if (route.isSame) await copyFrames(move, route, writer)
      else await spreadRecords(move, route, writer)
    }
    const ends = await writer.appendToAll(barrier)
    const { producerId } = writer
    // Sequences count from 0: the first barrier had that one.
    const channels = [{ producerId, nextSequence: 1 }]
    const positions: Record<string, Record<string, ExchangePosition>> = {}
    for (const [name, byPartition] of Object.entries(begins)) {
      positions[name] = Object.fromEntries(
        Object.entries(byPartition).map(([partition, position]) => [partition, { position, channels }]),
      )
    }
    return { writers: [{ producerId, epoch, ends }], positions }
  } finally {
    await writer.close()
  }
}

function partitionsOf({ reader }: FramesMove, { exchange }: FramesRoute): number[] {
  const partitions = Object.keys(reader.metadata.inFlight[exchange] ?? {}).map(Number)
  return partitions.sort((a, b) => a - b)
}

async function copyFrames(move: FramesMove, route: FramesRoute, writer: ExchangeWriter): Promise<void> {
  const { reader, signal } = move
  for (const partition of partitionsOf(move, route)) {
    for await (const frame of reader.frames(route.exchange, partition, signal)) {
      writer.append(route.exchange, partition, frame, 0, frame.length)
      await writer.backPressure()
    }
  }
}

/** Records of a key lie in one partition, before and behind it: they stay in their order. */
async function spreadRecords(move: FramesMove, route: FramesRoute, writer: ExchangeWriter): Promise<void> {
  const { reader, stages, signal } = move
  const { exchange, partitions } = route
  const input = stages.find(({ name }) => name === exchange)?.input
  const codec = input?.kind === 'keyBy' ? input.codec : undefined
  const frames = new RecordsFrameDecoder()
  const values = valueDecoder(codec)
  const output = new ExchangeOutput(exchange, writer, codec, partitions)
  for (const partition of partitionsOf(move, route)) {
    for await (const frame of reader.frames(exchange, partition, signal)) {
      const { count, keyStarts, keyEnds, valueStarts, valueEnds, timestamps } = frames.decode(frame, 0, frame.length)
      values.begin()
      for (let i = 0; i < count; i++) {
        const key = latin1Slice(frame, keyStarts[i]!, keyEnds[i]!)
        output.write(key, timestamps[i]!, values.decode(frame, valueStarts[i]!, valueEnds[i]!))
      }
      output.flush()
      await writer.backPressure()
    }
  }
}
