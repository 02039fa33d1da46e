/** R9 to R16: checkpoints. */
import { type DirectedProof, edit } from './directed-proof.ts'

const LOG_VIEW = 'src/checkpoint/protocol/log-view.ts'
const WORKER_LOOP = 'src/runtime/worker-loop.ts'
const WORKER_LOOP_TEST = 'src/runtime/worker-loop.test.ts'
const SAVEPOINT_TEST = 'src/runtime/savepoint/savepoint.worker.test.ts'
const COORDINATOR = 'src/runtime/checkpoints/coordinator.ts'
const COORDINATOR_TEST = 'src/runtime/checkpoints/coordinator.test.ts'

export const checkpointProofs: readonly DirectedProof[] = [
  {
    id: 'R9 number',
    rule: 'R9',
    without: 'a number that was triggered is not used again',
    edits: [edit(LOG_VIEW, "return record.checkpoint > this.lastCheckpoint ? 'none' : 'completed'", "return 'none'")],
    test: {
      file: 'src/checkpoint/protocol/log-view.test.ts',
      name: 'checkpoints a number is never used again, not even after a new claim',
    },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R9 if none match',
    rule: 'R9',
    without: 'a file is put only where there is none',
    edits: [
      edit(
        'connectors/file/file-storage.ts',
        'if (!(await this.publish(unfinished, target, chunks))) {',
        'if (!(await this.publish(unfinished, target, chunks)) && chunks.length < 0) {',
      ),
    ],
    test: {
      file: 'connectors/file/file-storage.test.ts',
      name: 'a folder as a checkpoint storage takes the same bytes again, in other chunks too, and refuses others',
    },
    fails: /Missing expected rejection/,
  },
  {
    id: 'R9 digest',
    rule: 'R9',
    without: 'metadata is held against the digest of the control log',
    edits: [
      edit('src/checkpoint/metadata.ts', 'expectedSha256 !== undefined && found !== expectedSha256', "expectedSha256 === ''"),
    ],
    test: {
      file: 'src/checkpoint/compose.test.ts',
      name: 'metadata is read as it was written, and refused when it was changed',
    },
    fails: /Missing expected exception/,
  },
  {
    id: 'R14 retained',
    rule: 'R14',
    without: 'a checkpoint that is dropped can not be restored',
    edits: [
      edit(LOG_VIEW, '        this.retained = this.retained.filter((one) => one.checkpoint !== record.checkpoint)\n', ''),
    ],
    test: {
      file: 'src/checkpoint/protocol/log-view.epochs.test.ts',
      name: 'a rewind by hand to a checkpoint that is dropped, or was given up before, is void',
    },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R14 sweep',
    rule: 'R14',
    without: 'files of the current epoch are not swept',
    edits: [edit('src/checkpoint/sweep.ts', 'file.epoch < epoch && !referred', '!referred')],
    test: {
      file: 'src/checkpoint/sweep.test.ts',
      name: 'a sweep deletes what older epochs left behind, and nothing else',
    },
    fails: /Expected values to be strictly equal/,
  },
  {
    id: 'R16',
    rule: 'R16',
    without: 'a transaction timeout that a transaction could outlive is refused',
    edits: [
      edit('src/config/transaction-timeout.ts', 'if (longestMs < timeoutMs) return', 'if (longestMs !== timeoutMs + 1) return'),
    ],
    test: {
      file: 'src/config/cross-checks.test.ts',
      name: 'a transaction that could outlive its timeout is refused, at its exact bound too',
    },
    fails: /Missing expected exception/,
  },
  {
    id: 'R10 barrier',
    rule: 'R10',
    without: 'the cut comes before the first record behind a barrier',
    edits: [edit(WORKER_LOOP, 'if (this.parts.isUndecided(checkpoint)) this.pendingCut = { checkpoint, kind }', '')],
    test: { file: WORKER_LOOP_TEST, name: 'a cut comes before the first record behind its barrier' },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R10 decided',
    rule: 'R10',
    without: 'the barrier of a checkpoint that is decided cuts nothing',
    edits: [edit(WORKER_LOOP, 'if (this.parts.isUndecided(checkpoint)) this.pendingCut', 'this.pendingCut')],
    test: { file: WORKER_LOOP_TEST, name: 'the barrier of a checkpoint that is decided cuts nothing' },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R10 epoch',
    rule: 'R10',
    without: 'barriers of earlier epochs cut nothing',
    edits: [edit('src/runtime/tasks/exchange-tasks.ts', '        if (!this.producers.has(producerId)) return NOTHING\n', '')],
    test: {
      file: 'src/runtime/tasks/exchange-tasks.test.ts',
      name: 'barriers of the running epoch are handed on, those of earlier ones mean nothing',
    },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R10 batch',
    rule: 'R10',
    without: 'a cut that is due comes before the next batch',
    edits: [
      edit(
        WORKER_LOOP,
        'if (this.pendingCut !== undefined) this.cut(this.pendingCut)\n',
        'if (this.pendingCut !== undefined && !(await this.processSource())) this.cut(this.pendingCut)\n',
      ),
    ],
    test: { file: WORKER_LOOP_TEST, name: 'a trigger that is read in the middle of a batch cuts behind it' },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R14 read back',
    rule: 'R14',
    without: 'a drop is read back before anything is deleted',
    edits: [
      edit(
        COORDINATOR,
        "if (!(await appendOne(follower, { type: 'checkpoint-dropped', epoch, checkpoint }))) return",
        "const isDropped = appendOne(follower, { type: 'checkpoint-dropped', epoch, checkpoint })\n    await dropCheckpoint(storage, dropped, view.retained.slice(1))\n    if (!(await isDropped)) return",
      ),
    ],
    test: {
      file: COORDINATOR_TEST,
      name: 'what only a dropped checkpoint refers to is deleted, once the drop is read back',
    },
    fails: /nothing is deleted before the log says so/,
  },
  {
    id: 'R14 void drop',
    rule: 'R14',
    without: 'nothing is deleted where the drop is void',
    edits: [
      edit(
        COORDINATOR,
        "if (!(await appendOne(follower, { type: 'checkpoint-dropped', epoch, checkpoint }))) return",
        "await appendOne(follower, { type: 'checkpoint-dropped', epoch, checkpoint })",
      ),
    ],
    test: { file: COORDINATOR_TEST, name: 'nothing is deleted where another epoch has begun before the drop' },
    fails: /Expected values to be strictly deep-equal|The expression evaluated to a falsy value/,
  },
  {
    id: 'R14 files',
    rule: 'R14',
    without: 'what a retained checkpoint refers to stays',
    edits: [
      edit(
        'src/checkpoint/retention.ts',
        'segments.map((segment) => segment.path).filter((path) => !kept.has(path))',
        'segments.map((segment) => segment.path)',
      ),
    ],
    test: {
      file: COORDINATOR_TEST,
      name: 'what only a dropped checkpoint refers to is deleted, once the drop is read back',
    },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R14 exchanges',
    rule: 'R14',
    without: 'exchanges are trimmed to where the oldest retained checkpoint goes on, not the newest',
    edits: [
      edit(
        COORDINATOR,
        'await trimExchanges(neededFrom(oldest))',
        'await trimExchanges(neededFrom(this.previous?.metadata ?? oldest))',
      ),
    ],
    test: {
      file: COORDINATOR_TEST,
      name: 'what only a dropped checkpoint refers to is deleted, once the drop is read back',
    },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R15 cut',
    rule: 'R15',
    without: 'workers stop at the cut of a final checkpoint',
    edits: [edit(WORKER_LOOP, 'if (this.finalCut !== undefined || this.isOverlayFull())', 'if (this.isOverlayFull())')],
    test: { file: WORKER_LOOP_TEST, name: 'nothing is processed behind a final cut, and it ends when that is complete' },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R15 aborted',
    rule: 'R15',
    without: 'workers go on where a final checkpoint was aborted',
    edits: [edit(WORKER_LOOP, 'if (this.finalCut === checkpoint) this.finalCut = undefined', '')],
    test: { file: WORKER_LOOP_TEST, name: 'a final checkpoint that is aborted lets it go on, until the next one' },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R15 asked again',
    rule: 'R15',
    without: 'a final checkpoint that was aborted is asked for again',
    edits: [edit(COORDINATOR, "if (this.pendingKind === 'final') this.wanted = 'final'", '')],
    test: { file: COORDINATOR_TEST, name: 'a final checkpoint that was aborted is asked for again' },
    fails: /it comes true in time/,
  },
  {
    id: 'R9 aborted',
    rule: 'R9',
    without: 'the number of an aborted checkpoint is not taken again',
    edits: [
      edit(
        'src/checkpoint/protocol/coordination.ts',
        'return view.lastCheckpoint + 1',
        'return (view.restorePoint?.checkpoint ?? 0) + 1',
      ),
    ],
    test: {
      file: 'src/checkpoint/protocol/coordination.test.ts',
      name: 'triggering takes the number behind the last one triggered, whatever became of that',
    },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R9 epoch',
    rule: 'R9',
    without: 'paths carry the epoch',
    edits: [
      edit(
        'src/checkpoint/metadata.ts',
        'checkpointPath(applicationId: string, checkpoint: number, epoch: number): string {\n',
        'checkpointPath(applicationId: string, checkpoint: number, epoch: number): string {\n  epoch = 0\n',
      ),
    ],
    test: {
      file: 'src/checkpoint/compose.test.ts',
      name: 'paths carry number and epoch, so that no two attempts write the same file',
    },
    fails: /each has a path of its own/,
  },
  {
    id: 'R15 in time',
    rule: 'R15',
    without: 'the deadline of a final checkpoint lies below the rebalance timeout',
    edits: [edit('src/runtime/group-changes.ts', 'const FINAL_CHECKPOINT_SHARE = 0.5', 'const FINAL_CHECKPOINT_SHARE = 2')],
    test: {
      file: 'src/testing/world/epochs.test.ts',
      name: 'where no final checkpoint can come, members join again before the group gives them up',
    },
    fails: /MR_FINAL_CHECKPOINT_MISSED/,
  },
  {
    id: 'R15 gone',
    rule: 'R15',
    without: 'the epoch fails at once where a member is gone',
    edits: [edit('src/runtime/group-changes.ts', 'if (gone.length > 0) {', 'if (gone.length > members.length) {')],
    test: {
      file: 'src/testing/world/epochs.test.ts',
      name: 'where no final checkpoint can come, because a member is gone, the epoch fails at once',
    },
    fails: /MR_WORKER_GONE/,
  },
  {
    id: 'R13 savepoint',
    rule: 'R13',
    without: 'a savepoint that is taken over descends from nothing',
    edits: [edit(LOG_VIEW, '    this.lineage = [{ checkpoint, sha256 }]\n', '')],
    test: {
      file: SAVEPOINT_TEST,
      name: 'a job that begins with a savepoint by force forgets what its copies have on their disks',
    },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R13 forgotten',
    rule: 'R13',
    without: 'what begins anew behind a cancellation descends from nothing',
    edits: [edit(LOG_VIEW, '    this.lineage = []\n', '')],
    test: {
      file: SAVEPOINT_TEST,
      name: 'a job that is cancelled and begins anew does so with whatever its copies have on their disks',
    },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R14 cancelled',
    rule: 'R14',
    without: 'a job that is cancelled deletes nothing that a copy started since has put',
    edits: [edit('src/runtime/savepoint/request-server.ts', 'if (file.epoch <= epoch) paths', 'paths')],
    test: {
      file: SAVEPOINT_TEST,
      name: 'a job that is cancelled deletes nothing of a copy that has been started since',
    },
    fails: /Expected values to be strictly deep-equal/,
  },
  {
    id: 'R14 savepoint',
    rule: 'R14',
    without: 'the files of a savepoint stay where its metadata may still come',
    edits: [edit('src/checkpoint/savepoint/savepoint-writer.ts', "    if (this.own === 'maybe') return\n", '')],
    test: {
      file: 'src/checkpoint/savepoint/savepoint.test.ts',
      name: 'where the metadata may still come, its files stay; where it is known to be there, it goes first',
    },
    fails: /Expected values to be strictly equal/,
  },
]
