/**
 * Channels between workers (R17 to R21 of docs/protocol.md): a topic per exchange, written by every worker that runs the
 * stage before it, read by those that run the stage behind it. The port moves frames: bytes that the engine fills
 * (records, a barrier, a watermark). A channel is (producer id, partition); each worker writes with one producer id of
 * its own, new in each epoch.
 */
import type { ConnectorContext } from './connector-context.ts'

export interface ExchangeSpec {
  /** Of the exchange within the job: names its topic, and the tasks behind it. */
  readonly exchange: string
  readonly partitions: number
}

export interface ExchangeTopic {
  readonly exchange: string
  /** The topic id: a topic that was deleted and made anew is refused. */
  readonly identity: string
  readonly partitions: number
  /** As people see it. */
  readonly topic: string
}

/** Where a channel has been read to. */
export interface ChannelState {
  readonly producerId: number
  /** The sequence number of its next frame in this partition (R18). */
  readonly nextSequence: number
}

/** A channel of an earlier epoch: what lies behind its last accepted barrier was never part of the job (R17). */
export interface EndedChannel extends ChannelState {
  /** Frames below this offset are accepted. */
  readonly endOffset: number
}

export interface ExchangeInput {
  readonly exchange: string
  readonly partition: number
  /** The offset to go on from. 0: from the first frame there is, unless an ended channel has frames there. */
  readonly position: number
  /** Channels of earlier epochs of the restore point's lineage. Those of the running epoch begin at sequence 0. */
  readonly ended: readonly EndedChannel[]
}

export interface ReceivedFrame {
  readonly exchange: string
  readonly partition: number
  readonly producerId: number
  readonly offset: number
  /** Lent until the next `poll`. */
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
}

export interface ExchangeReader {
  /**
   * The next accepted frame of any partition, or undefined. Synchronous. Frames of one partition come in the order of
   * their offsets. Throws MR_EXCHANGE_GAP (R18), MR_EXCHANGE_POSITION_LOST (R20): never skips, never resets.
   */
  poll(): ReceivedFrame | undefined
  whenAvailable(): Promise<void>
  /** Where reading stands behind the last frame polled: for the checkpoint. The position also passes what was not accepted. */
  position(exchange: string, partition: number): { readonly position: number; readonly channels: readonly ChannelState[] }
  /** Frames not read yet, by exchange and partition, as far as known. */
  lag(): ReadonlyMap<string, ReadonlyMap<number, number>>
  close(): Promise<void>
}

export interface ExchangeWriter {
  readonly producerId: number
  /** Adds a frame to a partition. Synchronous, buffers; the bytes are copied. A failure ends the epoch through the context. */
  append(exchange: string, partition: number, buffer: Buffer, start: number, end: number): void
  /**
   * Adds a frame to every partition of every exchange behind what was appended before, and sends at once. Resolves when
   * all of it is acknowledged, with the offset behind that frame in each: exchange → partition → end offset.
   */
  appendToAll(buffer: Buffer): Promise<Readonly<Record<string, Readonly<Record<number, number>>>>>
  /** Null when more may be appended; else resolves when it may again. */
  backPressure(): Promise<void> | null
  close(): Promise<void>
}

/** The exchanges of a job, for one worker and one epoch. */
export interface Exchange {
  /** How many partitions it has in the outside; undefined: it was never prepared. */
  partitionsOf(exchange: string): Promise<number | undefined>
  /**
   * Recovery, by the leader: creates topics that are missing, checks those that are there (settings are mended with a
   * warning). Throws MR_EXCHANGE_PARTITIONS if one has another number of partitions.
   */
  prepare(specs: readonly ExchangeSpec[]): Promise<readonly ExchangeTopic[]>
  openWriter(topics: readonly ExchangeTopic[]): Promise<ExchangeWriter>
  /** @param producers the producer ids of the running epoch, from `epoch-started`; frames of any other channel are passed over */
  openReader(inputs: readonly ExchangeInput[], producers: ReadonlySet<number>): Promise<ExchangeReader>
  /** Deletes what lies below the positions (exchange → partition → offset): no retained checkpoint needs it (R14). */
  trim(before: Readonly<Record<string, Readonly<Record<number, number>>>>): Promise<void>
}

export type CreateExchange = (context: ConnectorContext) => Exchange
