/** Checkpoint storage, checkpoints and savepoints. */
import { type ErrorEntry, entry, NOT_STARTED, NOTHING_LOST } from './entry.ts'

export const STORAGE_ERRORS = {
  MR_CHECKPOINT_CORRUPT: entry(
    'The metadata of a checkpoint is damaged.',
    'Nothing is lost yet: the job does not silently take an older checkpoint.',
    'Restore the file from a backup or from another copy of the storage.',
  ),
  MR_CHECKPOINT_UNKNOWN_VERSION: entry(
    'The metadata of a checkpoint has a format version that this release does not read.',
    'Nothing is lost.',
    'Run the release that wrote it, or a newer one.',
  ),
  MR_SAVEPOINT_NOT_FOUND: entry(
    'There is no savepoint at this place.',
    NOT_STARTED,
    'Name the folder that millrace savepoint has printed: the one that holds metadata.json. A folder without it is an attempt that was not finished.',
  ),
  MR_SAVEPOINT_EXISTS: entry(
    'The folder that a savepoint was to be written to holds one already.',
    'None: savepoints are never replaced. The job goes on.',
    'Give another folder with --to.',
  ),
  MR_SAVEPOINT_CORRUPT: entry(
    'The metadata of a savepoint is damaged, or is that of something else.',
    NOT_STARTED,
    'Copy the savepoint again from where it was written, all of its files; millrace checkpoints verify --savepoint checks it.',
  ),
  MR_SAVEPOINT_UNKNOWN_VERSION: entry(
    'The savepoint has a format version that this release does not read.',
    NOT_STARTED,
    'Run the release that wrote it, or a newer one.',
  ),
  MR_SAVEPOINT_CHECKPOINT_ABORTED: entry(
    'The checkpoint that a savepoint, or the end of the job, begins with was aborted.',
    'None: the job goes on.',
    'See why in the message and in the log of the job; try again.',
  ),
  MR_SAVEPOINT_INTERRUPTED: entry(
    'The job began anew, its workers changed, or one of them stopped, while it was doing what was asked for.',
    'None: the job goes on from its newest checkpoint. There is no savepoint.',
    'Try again once the job runs again.',
  ),
  MR_SAVEPOINT_FAILED: entry(
    'The job could not write the savepoint.',
    'None: the job goes on. There is no savepoint.',
    'Mend what the message names, most often permissions or space where the savepoint was to lie, and try again.',
  ),
  MR_SAVEPOINT_NOT_TAKEN: entry(
    'The job has checkpoints of its own, and has not begun with the savepoint of --from.',
    'None: nothing was changed.',
    'Give the job another --app-id to begin with the savepoint; or --from-force, which gives up the checkpoints of the job; or leave --from out to go on from them. To go back to an older checkpoint: millrace rewind. Give all copies the same --from.',
  ),
  MR_SAVEPOINT_STATE_DROPPED: entry(
    'The savepoint holds state of operators, sources or exchanges that the job does not have.',
    NOT_STARTED,
    'Give them the names back that the message lists; or let go of it with --allow-dropped-state.',
  ),
  MR_SAVEPOINT_INCOMPATIBLE: entry(
    'Something in the savepoint was written in a way that the job can not read, or does not belong where the job wants it.',
    NOT_STARTED,
    'Undo the change that the message names. For records in flight: take a savepoint while the job is idle. For state: give the operator another name, and let go of the old one with --allow-dropped-state.',
  ),
  MR_SAVEPOINT_PARTITIONS: entry(
    'A source has not all the partitions that the savepoint holds positions or state of.',
    NOT_STARTED,
    'Read the same topic, or one with as many partitions. Where keys are to be spread anew, put a keyBy before the operators.',
  ),
  MR_SAVEPOINT_SOURCE_DIFFERS: entry(
    'A source reads another topic than that of the savepoint, or the same one in another cluster, or one that was created anew.',
    NOT_STARTED,
    'Give it the topic that it had. Where the new one holds the same records at the same offsets: --from-positions offsets. To read it from where the source is told to start: --from-positions start.',
  ),
  MR_STORAGE_NOT_FOUND: entry(
    'A file of a checkpoint is not in the storage.',
    'Nothing is lost yet: the job does not silently take an older checkpoint.',
    'Check --checkpoints, and that nothing else deletes files there (a lifecycle rule of the bucket, a clean-up of the folder); restore the file from a backup or from an older version of the object.',
  ),
  MR_STORAGE_EXISTS: entry(
    'The storage holds another file under the path that was to be written.',
    'None: files are never replaced. The checkpoint fails.',
    'Check that no other job writes with the same application id to the same storage, with another control topic.',
  ),
  MR_STORAGE_FULL: entry(
    'The disk or quota of the checkpoint storage is used up.',
    NOTHING_LOST,
    'Free space or raise the quota; lower checkpoints-retained. Files of checkpoints are deleted by the job, not by hand.',
  ),
  MR_STORAGE_DENIED: entry(
    'This job is not allowed to read, write, list or delete in the checkpoint storage.',
    NOTHING_LOST,
    'Grant the right that the message names.',
  ),
  MR_STORAGE_UNAVAILABLE: entry(
    'The checkpoint storage cannot be reached, or answers with errors.',
    NOTHING_LOST,
    'Check the address, the network and the state of the storage. Checkpoints go on when it is back.',
  ),
  MR_STORAGE_SLOW: entry(
    'The checkpoint storage does not answer in time, or asks to slow down.',
    NOTHING_LOST,
    'Check the load of the storage and the network between; make checkpoints rarer (checkpoint-interval).',
  ),
  MR_STORAGE_NO_BUCKET: entry(
    'The bucket for checkpoints does not exist.',
    NOT_STARTED,
    'Create it, or mend its name in --checkpoints. For a store other than AWS, check --s3-endpoint and --s3-path-style.',
  ),
  MR_STORAGE_WRONG_REGION: entry(
    'The bucket for checkpoints lies in another region, or no region is set.',
    NOT_STARTED,
    'Set --s3-region to the region of the bucket.',
  ),
  MR_STORAGE_CREDENTIALS: entry(
    'S3 does not accept the credentials, or there are none.',
    NOTHING_LOST,
    'Check --s3-access-key-id and --s3-secret-access-key, or what the AWS SDK finds: environment, profile, role of the machine.',
  ),
  MR_STORAGE_CLOCK_SKEW: entry(
    'The clock of this machine differs too much from that of S3.',
    NOTHING_LOST,
    'Set the clock of the machine (NTP): S3 allows 15 minutes.',
  ),
  MR_STORAGE_TLS: entry(
    'No TLS connection to S3 is possible.',
    NOTHING_LOST,
    'Give the certificate authority of the store to Node.js (NODE_EXTRA_CA_CERTS), check that its certificate is for the name used and has not expired, and that the port of --s3-endpoint speaks TLS.',
  ),
  MR_STORAGE_REFUSED: entry(
    'S3 refuses a request with an error that no retry mends.',
    NOTHING_LOST,
    'The message holds what it says. An answer that is no XML comes from something other than an S3 API: check --s3-endpoint.',
  ),
  MR_STORAGE_UNSUPPORTED: entry(
    'The checkpoint storage cannot do what checkpoints need: publish a file whole, and only where none is yet.',
    NOT_STARTED,
    'Use another folder or another store. S3-compatible stores must honour If-None-Match.',
  ),
  MR_SEGMENT_CORRUPT: entry(
    'A segment of a checkpoint is damaged: its bytes are not those that were written.',
    'What the damaged segment holds cannot be restored; nothing was applied of the damaged block.',
    'Put the file back from a backup of the storage, or restore an older checkpoint that does not need it.',
  ),
  MR_SEGMENT_UNKNOWN_VERSION: entry(
    'A segment of a checkpoint was written in a format that this version of Millrace does not know.',
    'None: it was not read.',
    'Run the version of Millrace that wrote it, or a later one.',
  ),
} as const satisfies Record<string, ErrorEntry>
