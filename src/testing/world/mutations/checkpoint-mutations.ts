/** R9 to R16: checkpoints. */
import { edit, type Mutation } from './mutation.ts'

export const checkpointMutations = {
  R11: {
    rule: 'R11',
    schedule: 'aborted-then-complete',
    without: 'a manifest lists the segments of aborted checkpoints',
    edits: [
      edit(
        'src/runtime/checkpoints/worker-checkpoints.ts',
        'segments: this.overlays.flatMap((pending) => pending.segment ?? []),',
        'segments: this.overlays.slice(-1).flatMap((pending) => pending.segment ?? []),',
      ),
    ],
  },
  R12: {
    rule: 'R12',
    schedule: 'aborted-then-complete',
    without: 'an ack carries the transactions of earlier checkpoints',
    edits: [
      edit(
        'src/runtime/checkpoints/worker-checkpoints.ts',
        'committables: this.transactions.map(',
        'committables: this.transactions.filter((one) => one.checkpoint === checkpoint).map(',
      ),
    ],
  },
  R13: {
    rule: 'R13',
    schedule: 'rewound',
    without: 'local state is used only if its marker is an ancestor',
    edits: [
      edit(
        'src/runtime/restore/restore-plan.ts',
        '    [...ancestors, restorePoint].some(\n      (point) => point.checkpoint === marker.checkpoint && point.sha256 === marker.metadataDigest,\n    )',
        '    marker.checkpoint > 0',
      ),
    ],
  },
} satisfies Readonly<Record<string, Mutation>>
