/**
 * Watches the models of a simulated world and asks every invariant at everything that happens in them: what the control
 * log holds, what Kafka commits, what is deleted, what is written to disks, what workers read.
 */
import { decodeRecords } from '../../../../connectors/kafka/codec/record-batch-reader.ts'
import type { KafkaModel } from '../../../../connectors/kafka/testing/kafka-model.ts'
import type { ModelPartition } from '../../../../connectors/kafka/testing/model-partition.ts'
import type { TransactionIdentity } from '../../../../connectors/kafka/testing/model-transactions.ts'
import { decodeMetadata } from '../../../checkpoint/metadata.ts'
import {
  type CheckpointCompleted,
  type ControlRecordType,
  decodeControlRecord,
} from '../../../checkpoint/protocol/control-records.ts'
import { LogView } from '../../../checkpoint/protocol/log-view.ts'
import { toError } from '../../../common/errors.ts'
import type { SimulatedDisk } from '../../simulator/simulated-disk.ts'
import type { SimulatedStorage } from '../../simulator/simulated-storage.ts'
import { CommitBehindCompletion } from './commit-behind-completion.ts'
import { DecidedOnce } from './decided-once.ts'
import type { Completed, Invariant } from './invariant.ts'
import { KeptWhole } from './kept-whole.ts'
import { NamedOnce } from './named-once.ts'
import { NeverBack } from './never-back.ts'
import { NothingForgotten } from './nothing-forgotten.ts'
import { OneEpoch } from './one-epoch.ts'
import { OneView } from './one-view.ts'
import { StateIsTheCheckpoint } from './state-is-the-checkpoint.ts'

export interface InvariantCheckerParts {
  readonly kafka: KafkaModel
  readonly storage: SimulatedStorage
  readonly controlTopic: string
  readonly topicOf: (exchange: string) => string
  readonly onViolation: (what: string) => void
}

export class InvariantChecker {
  /** The product's fold of the control log as Kafka holds it. */
  readonly view = new LogView()
  /** Records of the control log by type, as far as they are valid; `void` counts the others. */
  readonly recordCounts = new Map<ControlRecordType | 'void', number>()
  /** By code: what workers have told the log of. */
  readonly failureCounts = new Map<string, number>()
  private readonly parts: InvariantCheckerParts
  private readonly oneView: OneView
  private readonly invariants: readonly Invariant[]

  constructor(parts: InvariantCheckerParts) {
    this.parts = parts
    const { kafka, storage, controlTopic, topicOf } = parts
    this.oneView = new OneView(controlTopic)
    this.invariants = [
      this.oneView,
      new OneEpoch(),
      new DecidedOnce(),
      new CommitBehindCompletion(),
      new NothingForgotten(),
      new NamedOnce(),
      new StateIsTheCheckpoint(),
      new NeverBack(),
      new KeptWhole({ sizeOf: (path) => storage.files.files.get(path)?.length, topicOf }),
    ]
    kafka.topics.onPartition = (partition) => this.watch(partition)
    kafka.transactions.watcher = {
      begun: (transaction) => this.ask((one) => one.onBegun?.(idOf(transaction))),
      ended: (transaction, isCommit) => {
        if (isCommit) this.ask((one) => one.onCommitted?.(idOf(transaction)))
      },
    }
    storage.onDelete = (paths) => this.ask((one) => one.onDeleted?.(paths))
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

  private watch(partition: ModelPartition): void {
    const isControlLog = partition.topic === this.parts.controlTopic
    let { logStart } = partition
    partition.watchers.add(() => {
      if (isControlLog) this.readLog(partition)
      if (partition.logStart === logStart) return
      logStart = partition.logStart
      this.ask((one) => one.onTrimmed?.(partition.topic, partition.partition, logStart))
    })
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
    if (!isValid || record.type !== 'checkpoint-completed') return
    const completed = this.stored(record)
    if (completed !== undefined) this.ask((one) => one.onCompleted?.(completed))
  }

  private stored({ checkpoint, epoch, path, sha256 }: CheckpointCompleted): Completed | undefined {
    const bytes = this.parts.storage.files.files.get(path)
    try {
      if (bytes === undefined) throw new Error(`${path} is not there`)
      return { point: { checkpoint, epoch, path, sha256 }, metadata: decodeMetadata(bytes, path, sha256) }
    } catch (error) {
      this.parts.onViolation(`checkpoint ${checkpoint} is complete: ${toError(error).message}`)
      return undefined
    }
  }
}

function idOf({ transactionalId, producerId, epoch }: TransactionIdentity): string {
  return `${transactionalId}:${producerId}:${epoch}`
}
