/** R1 to R8: the control log and epochs. */
import { edit, type Mutation } from './mutation.ts'

export const logMutations = {
  R2: {
    rule: 'R2',
    without: 'the first decision about a checkpoint stands',
    edits: [
      edit(
        'src/checkpoint/protocol/transitions.ts',
        "  aborted: {\n    'checkpoint-triggered': 'void',\n    'checkpoint-acked': 'void',\n    'checkpoint-declined': 'void',\n    'checkpoint-completed': 'void',",
        "  aborted: {\n    'checkpoint-triggered': 'void',\n    'checkpoint-acked': 'void',\n    'checkpoint-declined': 'void',\n    'checkpoint-completed': 'completed',",
      ),
    ],
  },
  R3: {
    rule: 'R3',
    without: 'a claim names the claim before it',
    edits: [edit('src/checkpoint/protocol/log-view.ts', 'if (claim.previousEpoch !== this.epoch) return false', '')],
  },
  R4: {
    rule: 'R4',
    without: 'a claim is for the nonces that it names',
    edits: [
      edit(
        'src/runtime/claim.ts',
        'claim?.members.findIndex((member) => member.joinNonce === joinNonce) ?? -1',
        "claim?.members.findIndex((member) => joinNonce !== '') ?? -1",
      ),
    ],
  },
} satisfies Readonly<Record<string, Mutation>>
