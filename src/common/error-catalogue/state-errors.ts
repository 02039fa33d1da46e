/** State: on local disk, and as jobs declare it. */
import { type ErrorEntry, entry, NOT_STARTED, NOTHING_LOST } from './entry.ts'

export const STATE_ERRORS = {
  MR_STATE_INCOMPATIBLE: entry(
    'The stored state does not fit the job.',
    'None: nothing was changed.',
    'Give the operator its old name and codec; or, where its values have changed, raise the version of the state and give it a migration from each older one (docs/jobs.md); or use another application id to begin anew.',
  ),
  MR_STATE_NOT_FOUND: entry(
    'The checkpoint or savepoint holds no state of this operator and name, or one of another kind.',
    'None: it was only read.',
    'Take one of those that the message names; millrace state list shows all of them.',
  ),
  MR_STATE_CODEC_UNKNOWN: entry(
    'State was written by a codec that is not part of Millrace, and was not given.',
    'None: it was only read.',
    'Give the job, with --job <file> or the option `job`: its codecs are used. Or give the codec itself in the options `codecs` and `keyCodecs`.',
  ),
  MR_STATE_VALUE_UNREADABLE: entry(
    'A stored key or value cannot be read by the codec that is said to have written it.',
    'None: it was only read. A job that reads this value fails in the same way.',
    'Give the codec that wrote it, with --job <file> or in the options, in the version that the message names.',
  ),
  MR_STATE_KEY_INVALID: entry(
    'A key was given that the operator or the map cannot have.',
    'None: it was only read.',
    'Give it as the key codec reads it: text as it is, a number as digits, bytes in base64, anything else as JSON.',
  ),
  MR_STATE_REWRITE_REFUSED: entry(
    'A savepoint cannot be rewritten in the way that was asked for.',
    'None: nothing was written.',
    'Leave out what the message names. docs/state.md says what millrace state rewrite can do.',
  ),
  MR_STATE_MAPPING_FAILED: entry(
    'A function that was to map the values of a state has failed, or gave what the codec of the state cannot write.',
    'None: the savepoint that was read is as it was, and no new one was left behind.',
    'Mend the function; the message names the entry that it was given.',
  ),
  MR_STATE_NOT_FETCHED: entry(
    'A job asked a map state at once for what was not fetched for the record.',
    NOTHING_LOST,
    "Name the key in the operator's reads, or await load(key), or scan() for all entries. Without reads the whole map is fetched.",
  ),
  MR_STATE_UNCLAIMED: entry(
    'The checkpoint holds state that no operator of the job claims.',
    'None: nothing was changed.',
    'Give the operator its old name back, or use another application id to begin anew.',
  ),
  MR_STATE_DIRECTORY_LOCKED: entry(
    'The state directory is in use by another process, or by another worker of this one.',
    NOT_STARTED,
    'Stop the process that the message names, or give each its own directory (--state-directory). The lock goes with its owner, however that ends.',
  ),
  MR_STATE_LOCAL_CORRUPT: entry(
    'The local state cannot be read: files are damaged, missing or of another version.',
    'Nothing is lost: the state is restored from the last completed checkpoint.',
    'Nothing needs to be done: the local state is removed and restored. If it comes again, check the disk.',
  ),
  MR_STATE_LOCAL_FULL: entry(
    'The disk of the state directory is full.',
    NOTHING_LOST,
    'Free space, or move the state directory to a larger disk (--state-directory); it may be moved or removed while the job is down.',
  ),
  MR_STATE_LOCAL_FAILED: entry(
    'The state directory cannot be read or written.',
    NOTHING_LOST,
    'Check that the directory is on a local disk, that this user may write to it, and the limit of open files (ulimit -n).',
  ),
  MR_STATE_ROCKSDB_NOT_LOADED: entry(
    "RocksDB's native library cannot be loaded.",
    NOT_STARTED,
    'On Linux install libatomic1 (slim images lack it). Where there is no build for the platform, set --state-backend memory.',
  ),
} as const satisfies Record<string, ErrorEntry>
