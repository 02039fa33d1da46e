/** R1 to R8: the control log and epochs. */
import { edit, type Mutation } from './mutation.ts'

export const logMutations = {
  R2: {
    rule: 'R2',
    schedule: 'completion-never-written',
    without: 'a completion is read back before its author acts on it',
    edits: [
      edit(
        'src/runtime/log-follower.ts',
        '    this.appends++\n',
        "    this.appends++\n    for (const record of records) {\n      if (record.type !== 'checkpoint-completed') continue\n      for (const listener of [...this.listeners]) listener(record, this.view.nextOffset, true)\n    }\n",
      ),
      // Told of it twice, the coordinator would stumble over itself.
      edit(
        'src/runtime/checkpoints/coordinator.ts',
        "this.previous = defined(this.written.get(record.checkpoint), 'metadata of the completed checkpoint')",
        'this.previous = this.written.get(record.checkpoint) ?? this.previous',
      ),
    ],
  },
  'R2-first': {
    rule: 'R2',
    schedule: 'completion-doubted',
    without: 'the first decision about a checkpoint stands',
    edits: [
      edit(
        'src/checkpoint/protocol/log-view.ts',
        'const next = CHECKPOINT_TRANSITIONS[state][record.type]',
        "const isDecided = state === 'completed' || state === 'aborted'\n    const next = CHECKPOINT_TRANSITIONS[isDecided ? 'pending' : state][record.type]",
      ),
    ],
  },
  R3: {
    rule: 'R3',
    schedule: 'leader-woken-late',
    without: 'a record counts only in the epoch that it names',
    edits: [edit('src/checkpoint/protocol/log-view.ts', '    if (record.epoch !== this.epoch) return false\n', '')],
  },
  'R3-claim': {
    rule: 'R3',
    schedule: 'claim-too-late',
    without: 'a claim names the claim before it',
    edits: [edit('src/checkpoint/protocol/log-view.ts', 'if (claim.previousEpoch !== this.epoch) return false', '')],
  },
  R4: {
    rule: 'R4',
    without: 'each join carries a fresh nonce, and claims before it are not for it',
    edits: [
      edit('src/runtime/group-life.ts', 'joinNonce: nonceOf(parts.random),', 'joinNonce: parts.name,'),
      edit('src/runtime/group-life.ts', 'const since = follower.view.nextOffset', 'const since = 0'),
    ],
  },
} satisfies Readonly<Record<string, Mutation>>
