/**
 * Watches one job in the models of a simulated world, and asks every invariant at everything that happens in them: what the
 * control log holds, what Kafka commits, what is deleted, what is written to disks, what workers read.
 */
import { decodeRecords } from '../../../../connectors/kafka/codec/record-batch-reader.ts'
import { controlTopic } from '../../../../connectors/kafka/control/kafka-control-log.ts'
import { exchangeTopic } from '../../../../connectors/kafka/exchange/exchange-topics.ts'
import type { ModelPartition } from '../../../../connectors/kafka/testing/model-partition.ts'
import type { TransactionIdentity } from '../../../../connectors/kafka/testing/model-transactions.ts'
import { decodeMetadata, sha256Hex } from '../../../checkpoint/metadata.ts'
import {
  type ControlRecord,
  type ControlRecordType,
  decodeControlRecord,
  type RestorePoint,
  type SavepointCompleted,
} from '../../../checkpoint/protocol/control-records.ts'
import { LogView } from '../../../checkpoint/protocol/log-view.ts'
import { decodeSavepoint, SAVEPOINT_METADATA } from '../../../checkpoint/savepoint/savepoint-metadata.ts'
import { toError } from '../../../common/errors.ts'
import type { SimulatedDisk } from '../../simulator/simulated-disk.ts'
import type { SimulatedStorage } from '../../simulator/simulated-storage.ts'
import type { SavepointShelf } from '../savepoint-shelf.ts'
import { CommitBehindCompletion } from './commit-behind-completion.ts'
import { DecidedOnce } from './decided-once.ts'
import type { Completed, Invariant, Saved } from './invariant.ts'
import { KeptWhole } from './kept-whole.ts'
import { NamedOnce } from './named-once.ts'
import { NeverBack } from './never-back.ts'
import { NothingBehindAStop } from './nothing-behind-a-stop.ts'
import { NothingForgotten } from './nothing-forgotten.ts'
import { OneEpoch } from './one-epoch.ts'
import { OneRequest } from './one-request.ts'
import { OneView } from './one-view.ts'
import { SavepointWhole } from './savepoint-whole.ts'
import { StateIsTheCheckpoint } from './state-is-the-checkpoint.ts'
import { TakenOnce } from './taken-once.ts'

export interface InvariantCheckerParts {
  readonly application: string
  readonly storage: SimulatedStorage
  /** Of all jobs of the world. */
  readonly shelf: SavepointShelf
  readonly onViolation: (what: string) => void
  /** Of each record that counts, behind all checks. */
  readonly onValid: (record: ControlRecord) => void
}

export class InvariantChecker {
  /** The product's fold of the control log as Kafka holds it. */
  readonly view = new LogView()
  /** Records of the control log by type, as far as they are valid; `void` counts the others. */
  readonly recordCounts = new Map<ControlRecordType | 'void', number>()
  /** By code: what workers have told the log of. */
  readonly failureCounts = new Map<string, number>()
  /** That have come to what was asked for. */
  readonly doneRequests = new Set<string>()
  /** How often the job went back: by hand, to a savepoint, to its beginning. */
  stepsBack = 0
  private readonly parts: InvariantCheckerParts
  private readonly controlTopic: string
  private readonly oneView: OneView
  private readonly invariants: readonly Invariant[]

  constructor(parts: InvariantCheckerParts) {
    this.parts = parts
    const { application, storage, shelf } = parts
    this.controlTopic = controlTopic(application)
    this.oneView = new OneView(this.controlTopic)
    const { files } = storage.files
    this.invariants = [
      this.oneView,
      new OneEpoch(),
      new DecidedOnce(),
      new CommitBehindCompletion(),
      new NothingForgotten(),
      new NamedOnce(),
      new StateIsTheCheckpoint(),
      new NeverBack(),
      new KeptWhole({
        sizeOf: (path) => files.get(path)?.length,
        topicOf: (exchange) => exchangeTopic(application, exchange),
      }),
      new OneRequest(),
      new NothingBehindAStop(),
      new SavepointWhole({ bytesOf: (path) => files.get(path), folderOf: (uri) => shelf.folderOf(uri) }),
      new TakenOnce((sha256) => shelf.withDigest(sha256)?.metadata),
    ]
  }

  onPartition(partition: ModelPartition): void {
    const isControlLog = partition.topic === this.controlTopic
    let { logStart } = partition
    partition.watchers.add(() => {
      if (isControlLog) this.readLog(partition)
      if (partition.logStart === logStart) return
      logStart = partition.logStart
      this.ask((one) => one.onTrimmed?.(partition.topic, partition.partition, logStart))
    })
  }

  onBegun(transaction: TransactionIdentity): void {
    if (this.isOwn(transaction)) this.ask((one) => one.onBegun?.(idOf(transaction)))
  }

  onCommitted(transaction: TransactionIdentity): void {
    if (this.isOwn(transaction)) this.ask((one) => one.onCommitted?.(idOf(transaction)))
  }

  onDeleted(paths: readonly string[]): void {
    this.ask((one) => one.onDeleted?.(paths))
  }

  onEntered(worker: string): void {
    this.ask((one) => one.onEntered?.(worker))
  }

  onAppend(worker: string, values: readonly Buffer[]): void {
    for (const value of values) {
      // Others are of no interest to anybody, and many.
      if (!value.includes('epoch-claimed')) continue
      const record = decodeControlRecord(value, -1)
      this.ask((one) => one.onAppend?.(worker, record))
    }
  }

  onReleased(uri: string): void {
    this.ask((one) => one.onReleased?.(uri))
  }

  watchDisk(disk: SimulatedDisk): void {
    disk.onMarked = (markers) => this.ask((one) => one.onMarked?.(disk.name, markers))
  }

  onRead(worker: string, offset: number, value: Buffer): void {
    this.ask((one) => one.onRead?.(worker, offset, value))
  }

  private ask(check: (invariant: Invariant) => string | undefined): void {
    for (const invariant of this.invariants) {
      const wrong = check(invariant)
      if (wrong !== undefined) this.parts.onViolation(`${invariant.name}: ${wrong}`)
    }
  }

  /** Another job's are none of this one's affairs. */
  private isOwn({ transactionalId }: TransactionIdentity): boolean {
    return transactionalId.startsWith(`${this.parts.application}.`)
  }

  private readLog({ log }: ModelPartition): void {
    let at = log.length
    while (at > 0 && log[at - 1]!.header.baseOffset >= this.view.nextOffset) at--
    for (const { bytes, header } of log.slice(at)) {
      const { buffer, count, offsets, valueStart, valueEnd } = decodeRecords(bytes, header)
      for (let i = 0; i < count; i++) this.onRecord(offsets[i]!, Buffer.from(buffer.subarray(valueStart[i], valueEnd[i])))
    }
  }

  private onRecord(offset: number, value: Buffer): void {
    const record = decodeControlRecord(value, offset)
    const isValid = this.view.apply(offset, record)
    const kind = isValid ? record.type : 'void'
    this.recordCounts.set(kind, (this.recordCounts.get(kind) ?? 0) + 1)
    if (isValid && record.type === 'worker-failed') {
      this.failureCounts.set(record.code, (this.failureCounts.get(record.code) ?? 0) + 1)
    }
    this.oneView.hold(offset, value)
    this.ask((one) => one.onRecord?.({ offset, record, isValid }))
    if (!isValid) return
    this.onValid(record)
    this.parts.onValid(record)
  }

  private onValid(record: ControlRecord): void {
    switch (record.type) {
      case 'restored-to':
        this.stepsBack++
        break
      case 'job-stopped':
        this.doneRequests.add(record.request)
        if (record.isForgotten) this.stepsBack++
        break
      case 'checkpoint-completed': {
        const completed = this.stored(record)
        if (completed !== undefined) this.ask((one) => one.onCompleted?.(completed))
        break
      }
      case 'savepoint-restored': {
        if (record.isForced) this.stepsBack++
        const completed = this.stored(record)
        if (completed !== undefined) this.ask((one) => one.onRestored?.({ ...completed, record }))
        break
      }
      case 'savepoint-completed': {
        this.doneRequests.add(record.request)
        const saved = this.saved(record)
        if (saved === undefined) break
        this.parts.shelf.add(saved)
        this.ask((one) => one.onSaved?.(saved))
        break
      }
      default:
    }
  }

  private stored({ checkpoint, epoch, path, sha256 }: RestorePoint): Completed | undefined {
    return this.readOr(`checkpoint ${checkpoint} is complete`, () => ({
      point: { checkpoint, epoch, path, sha256 },
      metadata: decodeMetadata(this.bytesOf(path), path, sha256),
    }))
  }

  private saved(record: SavepointCompleted): Saved | undefined {
    const { uri, sha256 } = record
    return this.readOr(`the savepoint ${uri} is complete`, () => {
      const bytes = this.bytesOf(`${this.parts.shelf.folderOf(uri)}/${SAVEPOINT_METADATA}`)
      if (sha256Hex(bytes) !== sha256) throw new Error('its metadata is not that which the log names')
      return { record, metadata: decodeSavepoint(bytes, uri) }
    })
  }

  private bytesOf(path: string): Buffer {
    const bytes = this.parts.storage.files.files.get(path)
    if (bytes === undefined) throw new Error(`${path} is not there`)
    return bytes
  }

  private readOr<T>(what: string, read: () => T): T | undefined {
    try {
      return read()
    } catch (error) {
      this.parts.onViolation(`${what}: ${toError(error).message}`)
      return undefined
    }
  }
}

function idOf({ transactionalId, producerId, epoch }: TransactionIdentity): string {
  return `${transactionalId}:${producerId}:${epoch}`
}
