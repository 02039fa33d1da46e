/** Beginning with a savepoint, and what becomes of checkpoints when a job is cancelled. */
import { optional, withDefault } from '../option.ts'
import { boolean, oneOf, storageUri } from '../option-types.ts'

export const SAVEPOINTS_OPTIONS = {
  from: optional({
    name: 'from',
    group: 'savepoints',
    type: storageUri,
    description:
      'The folder of a savepoint to begin with, of this job or of another one. Taken once, by a job without checkpoints of its own: after a crash, and when it is started again with the same options, it goes on from its newest checkpoint. Give it to all copies.',
  }),
  fromForce: withDefault({
    name: 'from-force',
    group: 'savepoints',
    type: boolean,
    default: false,
    description:
      'Take the savepoint of `from` also where the job has checkpoints of its own: these are given up for good. Once, too: a savepoint that the job has taken last is not taken again.',
  }),
  fromPositions: withDefault({
    name: 'from-positions',
    group: 'savepoints',
    type: oneOf('exact', 'offsets', 'start'),
    default: 'exact',
    description:
      'Where sources go on after `from`. `exact`: at the offsets of the savepoint, and only in the very same topics. `offsets`: at these offsets also in another topic or cluster, which must hold the same records at them. `start`: where a new job would begin, at the start that each source names; what is in flight and the state are taken all the same.',
  }),
  allowDroppedState: withDefault({
    name: 'allow-dropped-state',
    group: 'savepoints',
    type: boolean,
    default: false,
    description:
      'Let go of what the savepoint of `from` holds of operators, sources and exchanges that the job no longer has. Without it such a start is refused, with the list.',
  }),
  retainOnCancel: withDefault({
    name: 'retain-on-cancel',
    group: 'savepoints',
    type: oneOf('keep', 'delete'),
    default: 'keep',
    description:
      'What `millrace cancel` does with the checkpoints of the job: `keep`, and a later start goes on from the last one; or `delete`, and a later start begins anew. Savepoints are kept in any case.',
  }),
} as const
