/** R1 to R8: the control log and epochs. */
import { type DirectedProof, edit } from './directed-proof.ts'

const LOG_VIEW = 'src/checkpoint/protocol/log-view.ts'
const LOG_VIEW_TEST = 'src/checkpoint/protocol/log-view.test.ts'
const CONTROL_LOG = 'connectors/kafka/control/kafka-control-log.ts'
const CONTROL_LOG_TEST = 'connectors/kafka/control/kafka-control-log.test.ts'
const EPOCH = 'src/runtime/epoch.ts'
const EPOCHS_TEST = 'src/testing/world/epochs.test.ts'
const RECOVERY = 'src/runtime/recovery.ts'
const SOURCE_STARTS = 'src/runtime/source-starts.ts'
const SAVEPOINT_TEST = 'src/runtime/savepoint/savepoint.worker.test.ts'
const RECOVERY_TEST = 'src/runtime/recovery.test.ts'
const LOG_VIEW_EPOCHS = 'src/checkpoint/protocol/log-view.epochs.test.ts'

export const logProofs: readonly DirectedProof[] = [
  {
    id: 'R1 empty log',
    rule: 'R1',
    without: 'an empty log beside stored checkpoints is refused',
    edits: [edit(RECOVERY, 'if (hasBegun) break', 'break')],
    test: {
      file: 'src/runtime/worker.test.ts',
      name: 'a control log that is empty beside stored checkpoints is refused',
    },
    fails: /expected: 'MR_CONTROL_LOG_MISSING'/,
  },
  {
    id: 'R1 summary',
    rule: 'R1',
    without: 'a summary is void if another record came between',
    edits: [edit(LOG_VIEW, 'if (record.asOf !== offset || this', 'if (this')],
    test: { file: LOG_VIEW_EPOCHS, name: 'a summary with a record between what it folds and itself is void' },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R6 pools',
    rule: 'R6',
    without: 'every transactional id that the job ever used is fenced, not those of the last claim alone',
    edits: [
      edit(LOG_VIEW, 'Math.max(this.poolWorkers, claim.workers)', 'claim.workers'),
      edit(LOG_VIEW, 'Math.max(this.poolSlots, claim.slots)', 'claim.slots'),
    ],
    test: {
      file: LOG_VIEW_TEST,
      name: 'claims the largest transaction pool ever claimed is remembered',
    },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R6 order',
    rule: 'R6',
    without: 'the restore point is settled before all others are fenced',
    edits: [
      edit(
        'src/runtime/settle-transactions.ts',
        '  const settled = new Set(follower.view.settled)\n',
        '  const settled = new Set(follower.view.settled)\n  for (const participant of participants) await participant.fence(1, 1)\n',
      ),
    ],
    test: {
      file: 'src/runtime/settle-transactions.test.ts',
      name: 'settling the transactions of the restore point commits what is prepared, oldest first, and fences the rest',
    },
    fails: /actual: 'aborted'/,
  },
  {
    id: 'R7 restore point',
    rule: 'R7',
    without: 'a rewind by hand moves the restore point',
    edits: [edit(LOG_VIEW, '    this.restorePoint = this.retained[at] ?? null\n', '')],
    test: {
      file: LOG_VIEW_EPOCHS,
      name: 'a rewind by hand makes a retained checkpoint the restore point, and gives up what came behind it',
    },
    fails: /expected: 1/,
  },
  {
    id: 'R7 given up',
    rule: 'R7',
    without: 'what a rewind gives up is dropped',
    edits: [edit(LOG_VIEW, '    this.abandoned.push(...this.retained.slice(at + 1))\n', '')],
    test: {
      file: LOG_VIEW_EPOCHS,
      name: 'a rewind by hand makes a retained checkpoint the restore point, and gives up what came behind it',
    },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R1 trimming',
    rule: 'R1',
    without: 'the log is trimmed only up to a valid summary that has another behind it',
    edits: [
      edit(
        'src/runtime/checkpoints/coordinator.ts',
        "if (!(await appendOne(follower, { type: 'summary', epoch, asOf, view: { ...view.fold() } }))) return",
        "await appendOne(follower, { type: 'summary', epoch, asOf, view: { ...view.fold() } })",
      ),
      edit('src/runtime/checkpoints/coordinator.ts', 'const before = view.lastSummary', 'const before = asOf'),
    ],
    test: {
      file: 'src/runtime/checkpoints/coordinator.test.ts',
      name: 'the control log is trimmed up to the summary before the last, and not where something came between',
    },
    fails: /expected: 0/,
  },
  {
    id: 'R1 settings',
    rule: 'R1',
    without: 'the settings of the control topic are put right at each start',
    edits: [
      edit(
        CONTROL_LOG,
        '    await this.mendSettings(client, created.length > 0)\n',
        '    if (created.length > 0) await this.mendSettings(client, true)\n',
      ),
    ],
    test: {
      file: CONTROL_LOG_TEST,
      name: 'nothing in it is deleted by time or size: from its creation on, and again where somebody has changed that',
    },
    fails: /'604800000'/,
  },
  {
    id: 'R1 partition',
    rule: 'R1',
    without: 'the control topic has one partition',
    edits: [edit(CONTROL_LOG, 'if (partitions.length !== 1) {', 'if (partitions.length < 1) {')],
    test: { file: CONTROL_LOG_TEST, name: 'more than one partition, which would have no one order, is refused' },
    fails: /Missing expected rejection/,
  },
  {
    id: 'R5 claim',
    rule: 'R5',
    without: 'who reads a newer claim stops at once',
    edits: [
      edit(
        EPOCH,
        "if (view.epoch !== this.number) this.ending.reject(new EpochOver({ kind: 'superseded' }))\n      else if",
        'if',
      ),
    ],
    test: {
      file: EPOCHS_TEST,
      name: 'whoever reads a newer claim stops at once, and the leader claims again, without a rebalance',
    },
    fails: /the leader claims again/,
  },
  {
    id: 'R5 failure',
    rule: 'R5',
    without: 'a failure of one worker ends the epoch of all',
    edits: [
      edit(
        EPOCH,
        "else if (view.failure !== undefined) this.ending.reject(new EpochOver({ kind: 'failed', isFinal: false }))",
        '',
      ),
    ],
    test: {
      file: EPOCHS_TEST,
      name: 'a failure that one worker tells of ends the epoch for all, and the next begins without a rebalance',
    },
    fails: /the next epoch starts/,
  },
  {
    id: 'R5 rebalance',
    rule: 'R5',
    without: 'a failed epoch starts anew with no rebalance',
    edits: [
      edit(
        'src/runtime/group-life.ts',
        "if (end.kind === 'finished' || end.kind === 'left') return",
        "if (end.kind !== 'superseded') return",
      ),
    ],
    test: {
      file: EPOCHS_TEST,
      name: 'a failure that one worker tells of ends the epoch for all, and the next begins without a rebalance',
    },
    fails: /Expected values to be strictly equal/,
  },
  {
    id: 'R5 job',
    rule: 'R5',
    without: 'a job that has failed ends every copy',
    edits: [
      edit(
        'src/runtime/group-life.ts',
        "    return view.epochState === 'over' && view.failedAt >= this.startedAt\n",
        '    return view.failedAt < 0 && this.startedAt < 0\n',
      ),
    ],
    test: { file: EPOCHS_TEST, name: 'a job that has failed ends in every copy' },
    fails: /has ended/,
  },
  {
    id: 'R6 once more',
    rule: 'R6',
    without: 'the log is read once more before anything is fenced',
    edits: [
      edit(
        'src/runtime/settle-transactions.ts',
        '  await stillLeading(follower, epoch)\n  const { poolWorkers',
        '  const { poolWorkers',
      ),
    ],
    test: {
      file: 'src/runtime/settle-transactions.test.ts',
      name: 'settling the transactions of the restore point fences nothing where another leader has taken over meanwhile',
    },
    fails: /Missing expected rejection/,
  },
  {
    id: 'R6 all ids',
    rule: 'R6',
    without: 'those of the last transactions are fenced too',
    edits: [edit('connectors/kafka/sink/kafka-transactions.ts', 'const ids = [this.salvageId]', 'const ids: string[] = []')],
    test: {
      file: 'connectors/kafka/sink/kafka-transactions.test.ts',
      name: 'fencing reaches every id that the job can ever have used, the one for salvage too',
    },
    fails: /no InitProducerId request came/,
  },
  {
    id: 'R6 ready',
    rule: 'R6',
    without: 'an epoch starts when all its workers are ready',
    edits: [edit(EPOCH, '.every((worker) => view.ready.has(worker))', '.some((worker) => view.ready.has(worker))')],
    test: { file: EPOCHS_TEST, name: 'an epoch starts when all its workers are ready, and not before' },
    fails: /Expected values to be strictly deep-equal|all input has become output/,
  },
  {
    id: 'R6 deadlines',
    rule: 'R6',
    without: 'every step of the start has a deadline',
    edits: [edit('src/runtime/deadline.ts', 'return await Promise.race([promise, late])', 'return await promise')],
    test: { file: EPOCHS_TEST, name: 'planning that comes to no end fails by its name' },
    fails: /it ends/,
  },
  {
    id: 'R6 the last step',
    rule: 'R6',
    without: 'waiting for the others has a deadline',
    edits: [
      edit(
        EPOCH,
        "await this.step(this.started(), 'the start of all workers', config.restoreTimeoutMs)",
        'await this.step(this.started())',
      ),
    ],
    test: { file: EPOCHS_TEST, name: 'a start for which one worker never gets ready fails by the name of the step' },
    fails: /the start of all workers has not ended within/,
  },
  {
    id: 'R6 graph',
    rule: 'R6',
    without: 'members with another graph get no tasks',
    edits: [edit('src/runtime/task-plan.ts', 'members.filter((member) => member.graphDigest === graphDigest)', 'members')],
    test: {
      file: 'src/runtime/task-plan.test.ts',
      name: 'members with another graph get no tasks, and no part in checkpoints',
    },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R7 settle point',
    rule: 'R7',
    without: 'what a rewind has given up is not asked for again once it is settled, since it is deleted then',
    edits: [edit(LOG_VIEW, '        this.settlePoint = null\n', '')],
    test: {
      file: LOG_VIEW_EPOCHS,
      name: 'a rewind by hand makes a retained checkpoint the restore point, and gives up what came behind it',
    },
    fails: /Expected values to be strictly equal/,
  },
  {
    id: 'R7 settled',
    rule: 'R7',
    without: 'the transactions of the last completed checkpoint are settled behind a rewind, too',
    edits: [edit(RECOVERY, 'isRestored ? before : await readSettlePoint(view, storage, before, logger)', 'before')],
    test: {
      file: RECOVERY_TEST,
      name: 'behind a rewind the transactions of the last completed checkpoint are settled, and positions are the older one’s',
    },
    fails: /it was complete, and somebody may have seen it/,
  },
  {
    id: 'R8 once',
    rule: 'R8',
    without: 'where a source begins is settled once, in the log',
    edits: [
      edit(SOURCE_STARTS, 'const start = view.sourceStarts.get(node.name)', 'const start: SourceStart | undefined = now'),
    ],
    test: { file: RECOVERY_TEST, name: 'where a source begins is settled once: what is latest later counts no more' },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R8 later partitions',
    rule: 'R8',
    without: 'a partition that appears later is read from its first record',
    edits: [
      edit(
        RECOVERY,
        'for (const { partition, first } of now.partitions) positions[partition] ??= first',
        'for (const { partition, position } of now.partitions) positions[partition] ??= position',
      ),
    ],
    test: { file: RECOVERY_TEST, name: 'a partition that has come since is read from its first record' },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R8 identity',
    rule: 'R8',
    without: 'a topic that was made anew under its name is refused',
    edits: [edit(SOURCE_STARTS, 'if (known === now) return', "if (known !== '') return")],
    test: { file: RECOVERY_TEST, name: 'a topic that was deleted and made anew under its name is refused' },
    fails: /Missing expected rejection/,
  },
  {
    id: 'R8 first',
    rule: 'R8',
    without: 'where sources begin stands in the log before the copy of a savepoint does in the storage',
    edits: [
      edit('src/runtime/savepoint/take-savepoint.ts', 'await settleSourceStarts(follower, epoch, sourcesOf(stages), plan)', ''),
    ],
    test: {
      file: SAVEPOINT_TEST,
      name: 'a job that begins with a savepoint takes it at the next start where the first died behind the metadata of its copy',
    },
    fails: /the control log of "b" is empty/,
  },
]
