/** R9 to R16: checkpoints. */
import { type DirectedProof, edit } from './directed-proof.ts'

const LOG_VIEW = 'src/checkpoint/protocol/log-view.ts'

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
    edits: [edit('src/checkpoint/sweep.ts', 'file.epoch >= epoch || ', '')],
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
]
