/** Where state lies, and the memory it takes. */
import { withDefault } from '../option.ts'
import { bytes, oneOf, path } from '../option-types.ts'
import { GIB, MIB } from './amounts.ts'

export const STATE_OPTIONS = {
  stateBackend: withDefault({
    name: 'state-backend',
    group: 'state',
    type: oneOf('rocksdb', 'memory'),
    default: 'rocksdb',
    description: 'Where a worker keeps its state: on the local disk, for state of any size, or in memory.',
  }),
  stateDirectory: withDefault({
    name: 'state-directory',
    group: 'state',
    type: path,
    default: '.millrace/state',
    description:
      'Local folder of the workers of this machine: RocksDB keeps its state in it, one subfolder a worker, and either backend notes there which member of the group a worker is, so that after a kill the next start takes the dead one out at once. It may be lost at any time; where it survives a restart, recovery is faster.',
  }),
  stateCacheBytes: withDefault({
    name: 'state-cache-bytes',
    group: 'state',
    type: bytes({ min: 0, max: 64 * GIB }),
    default: 256 * MIB,
    description: 'Memory of each worker for decoded values that were read or written lately.',
  }),
  overlayBytes: withDefault({
    name: 'overlay-bytes',
    group: 'state',
    type: bytes({ min: MIB, max: 64 * GIB }),
    default: 64 * MIB,
    description:
      'Memory of each worker for state changes since the last completed checkpoint. Near it an early checkpoint is asked for; at it processing waits.',
  }),
} as const
