/** R7, R14, R15, R17: savepoints, and the end of a job. */
import { edit, type Mutation } from './mutation.ts'

const REQUEST_SERVER = 'src/runtime/savepoint/request-server.ts'
const TAKE_SAVEPOINT = 'src/runtime/savepoint/take-savepoint.ts'

export const savepointMutations = {
  'R7-once': {
    rule: 'R7',
    schedule: 'taken-in-place',
    without: 'a savepoint is taken over once',
    edits: [edit('src/runtime/recovery.ts', 'const metadata = given?.isToTake(view)', 'const metadata = given !== null')],
  },
  'R7-copy': {
    rule: 'R7',
    schedule: 'taken-in-place',
    without: 'the copy of a savepoint is whole before the log tells of it',
    edits: [
      edit(
        TAKE_SAVEPOINT,
        'await storage.put(path, [bytes], taking.signal)',
        'storage.put(path, [bytes], taking.signal).catch(() => {})',
      ),
    ],
  },
  'R14-copy': {
    rule: 'R14',
    schedule: 'savepoint-held-up',
    without: 'nothing is dropped while a savepoint is made',
    edits: [
      edit(
        'src/checkpoint/protocol/coordination.ts',
        'const mayDrop = view.request?.completed === undefined',
        'const mayDrop = true',
      ),
    ],
  },
  'R14-forgotten': {
    rule: 'R14',
    schedule: 'forgotten-and-begun-again',
    without: 'who gives a job up deletes nothing of who begins it again',
    edits: [edit(REQUEST_SERVER, 'if (file.epoch <= epoch) paths.push(file.path)', 'paths.push(file.path)')],
  },
  'R14-told': {
    rule: 'R14',
    schedule: 'savepoint-doubted',
    without: 'a savepoint that the log may come to tell of is left alone',
    edits: [edit(REQUEST_SERVER, '      isTold = true\n', '')],
  },
  'R15-files': {
    rule: 'R15',
    schedule: 'savepoint-held-up',
    without: 'a savepoint is whole before the log tells of it',
    edits: [
      edit(
        'src/checkpoint/savepoint/savepoint-writer.ts',
        'await storage.put(SAVEPOINT_METADATA, [bytes], signal)',
        'storage.put(SAVEPOINT_METADATA, [bytes], signal).catch(() => {})',
      ),
    ],
  },
  'R15-committed': {
    rule: 'R15',
    schedule: 'stop-uncommitted',
    without: 'a savepoint, or a stop, waits until all is committed',
    edits: [
      edit(REQUEST_SERVER, 'every((worker) => request.committedBy.has(worker))', 'every((worker) => worker !== undefined)'),
    ],
  },
  'R15-waiting': {
    rule: 'R15',
    schedule: 'handed-over',
    without: 'workers that have stopped at a cut wait for what becomes of the request',
    edits: [
      edit(
        'src/runtime/processing.ts',
        '  await follower.until(() => !isServingStop(follower), started.isLeader ? undefined : parts.stop)\n',
        '',
      ),
    ],
  },
  'R15-unheard': {
    rule: 'R15',
    schedule: 'stop-unheard',
    without: 'a claim whose author has not heard of the end of the job is void',
    edits: [
      edit(
        'src/checkpoint/protocol/log-view.ts',
        'claim.seen !== undefined && claim.seen < this.stoppedAt',
        'claim.seen === -2',
      ),
    ],
  },
  'R15-one': {
    rule: 'R15',
    schedule: 'stop-uncommitted',
    without: 'a job is asked for one thing at a time',
    edits: [
      edit(
        'src/checkpoint/protocol/log-view.ts',
        'if (this.request !== undefined || this.isFinished) return false',
        'if (this.isFinished) return false',
      ),
    ],
  },
  'R17-savepoint': {
    rule: 'R17',
    schedule: 'handed-over',
    without: 'a savepoint holds what is on its way between workers',
    edits: [
      edit(
        'src/runtime/savepoint/write-savepoint.ts',
        'for (const place of partitionsInFlight(metadata)) {',
        'for (const place of partitionsInFlight(metadata).slice(0, 0)) {',
      ),
    ],
  },
  'R17-taken': {
    rule: 'R17',
    schedule: 'handed-over',
    without: 'what was on its way when a savepoint was made is read by the job that begins with it',
    edits: [
      edit(
        TAKE_SAVEPOINT,
        '{ identity, partitions, positions: frames.positions[exchange] ?? {} }',
        '{ identity, partitions, positions: {} }',
      ),
      edit(TAKE_SAVEPOINT, 'writers: frames.writers,', 'writers: [],'),
    ],
  },
} satisfies Readonly<Record<string, Mutation>>
