/** R1 to R8: the control log and epochs. */
import { type DirectedProof, edit } from './directed-proof.ts'

const LOG_VIEW = 'src/checkpoint/protocol/log-view.ts'
const LOG_VIEW_EPOCHS = 'src/checkpoint/protocol/log-view.epochs.test.ts'

export const logProofs: readonly DirectedProof[] = [
  {
    id: 'R1 empty log',
    rule: 'R1',
    without: 'an empty log beside stored checkpoints is refused',
    edits: [edit('src/runtime/recovery.ts', 'if (view.lastCheckpoint > 0) break', 'break')],
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
      file: 'src/checkpoint/protocol/log-view.test.ts',
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
    without: 'the log is trimmed only where its summary is valid',
    edits: [
      edit(
        'src/runtime/coordinator.ts',
        "if (!(await appendOne(follower, { type: 'summary', epoch, asOf, view: { ...view.fold() } }))) return",
        "await appendOne(follower, { type: 'summary', epoch, asOf, view: { ...view.fold() } })",
      ),
    ],
    test: {
      file: 'src/runtime/coordinator.test.ts',
      name: 'the control log is trimmed up to a summary, and not where something came between',
    },
    fails: /expected: false\s+actual: true/,
  },
]
