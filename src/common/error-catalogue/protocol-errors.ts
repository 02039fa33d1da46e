/** Epochs, the control log, exchanges and transactions. */
import { type ErrorEntry, entry, NOT_STARTED, NOTHING_LOST } from './entry.ts'

export const PROTOCOL_ERRORS = {
  MR_CONTROL_LOG_CORRUPT: entry(
    'A record of the control log cannot be read.',
    'Nothing is lost yet: the job refuses to act on a log that it does not understand.',
    'Check whether something else writes to the control topic; restore the topic, or start a new application id from a checkpoint.',
  ),
  MR_CONTROL_LOG_UNKNOWN_RECORD: entry(
    'The control log holds a record that this release does not know.',
    'Nothing is lost: the job refuses to act on a log that it does not understand.',
    'Run the release that wrote it, or a newer one.',
  ),
  MR_CONTROL_LOG_MISSING: entry(
    'The control log is empty although the storage holds checkpoints of this application.',
    'Nothing is lost yet: starting from nothing would process everything again.',
    'Restore the control topic; or, to begin anew, use another application id or move the old checkpoints away.',
  ),
  MR_CONTROL_LOG_BEHIND: entry(
    'A worker was away for so long that what it had not read of the control log has been folded and deleted.',
    NOTHING_LOST,
    'Start it again, as a supervisor does: it begins at what was folded. The others have gone on without it.',
  ),
  MR_CONTROL_LOG_NOT_FOUND: entry(
    'There is no control log of this application id on these brokers.',
    'None: nothing was changed.',
    'Check the application id and --brokers; the control topic is named <application id>.control.',
  ),
  MR_CHECKPOINTS_FAILING: entry(
    'More checkpoints in a row failed than are tolerated.',
    NOTHING_LOST,
    'See the reasons in the log lines before; raise checkpoint-tolerable-failures or checkpoint-timeout where the storage is only slow.',
  ),
  MR_TRANSACTION_LOST: entry(
    'A prepared transaction of a completed checkpoint can neither be committed nor be written again: Kafka aborted it, or no longer tells, and records of it are deleted, by retention, DeleteRecords or compaction.',
    'The records that the message names, by topic, partition and offsets, may be missing in the output, and what the worker wrote behind them is not visible. Nothing else is lost; input, state and checkpoints are whole.',
    'The job does not go on over a gap. To have the output whole, start it under another application id with an output that is empty. To prevent it, keep the job down for less than transaction-timeout, or keep the output longer than the job may be down: retention.ms, and min.compaction.lag.ms where it is compacted.',
  ),
  MR_TRANSACTION_ABORTED: entry(
    'Kafka has aborted a prepared transaction of the running job: it was open for longer than transaction-timeout, or a process of an earlier epoch woke up late.',
    'Nothing is lost: the transaction is written again at the next start, in its order, from its aborted records.',
    'None needed. If it happens often, raise transaction-timeout (and transaction.max.timeout.ms of the brokers).',
  ),
  MR_SUPERSEDED: entry(
    'Another process has taken over this application id.',
    'None: the other process goes on from the last completed checkpoint.',
    'Run one process for each application id; stop the other one if this one was meant to run.',
  ),
  MR_WORKER_GONE: entry(
    'A worker has left without a last checkpoint: it was killed, or did not answer for the session timeout.',
    NOTHING_LOST,
    'None needed: the other workers go on from the last completed checkpoint.',
  ),
  MR_WORKER_EXITED: entry(
    'A worker that runs in a thread has ended without being asked to: something in the job called process.exit().',
    NOTHING_LOST,
    'None needed: the worker is started anew. Throw an error where the job shall fail; the restart strategy decides then.',
  ),
  MR_FINAL_CHECKPOINT_MISSED: entry(
    'The last checkpoint before a change of workers was not complete in time.',
    NOTHING_LOST,
    'None needed: the job goes on from the last completed checkpoint. If it happens often, see why checkpoints are slow, or raise rebalance-timeout.',
  ),
  MR_EXCHANGE_REPLACED: entry(
    'An internal exchange topic was deleted, and made anew: the in-flight records of the restore point are gone.',
    'The records in flight between two stages at the last checkpoint are lost with the topic.',
    'Restore the topic from a backup of the cluster, or start the job anew under another application id.',
  ),
  MR_EPOCH_TIMEOUT: entry(
    'A step of starting did not end in time.',
    NOTHING_LOST,
    'See which step the message names; check brokers and storage.',
  ),
  MR_CONTROL_LOG_UNUSABLE: entry(
    'The control topic is not what it must be.',
    NOT_STARTED,
    'The control topic has one partition and belongs to one application. Use another application id, or delete the topic if it is not a control topic.',
  ),
  MR_EXCHANGE_PARTITIONS: entry(
    'The topic of an exchange has another number of partitions than the job asks for.',
    'None: nothing was changed.',
    'Set the number of partitions of the exchange back to that of the topic: keys and their state are divided by it. To change it, use another application id, or another name for the exchange.',
  ),
  MR_EXCHANGE_GAP: entry(
    'Frames of an exchange are missing, or are not those that were written there.',
    'Records between two stages are gone from the exchange topic. The job stops rather than leave them out; those that no completed checkpoint covers are written again from the last one.',
    'Look for an unclean leader election, a deleted topic or another program that writes to the topic or trims it; set unclean.leader.election.enable=false and min.insync.replicas=2. Where the same gap is met again after a restart, go back to an earlier checkpoint or begin anew under another application id.',
  ),
  MR_EXCHANGE_POSITION_LOST: entry(
    'The position of a checkpoint in an exchange topic is no longer, or not yet, in the topic.',
    'Records between two stages cannot be read any more; Millrace never skips them silently.',
    'Look for what deleted records of the topic: its retention must be -1, and only the job trims it. Go back to a checkpoint whose positions the topic still holds, or begin anew under another application id.',
  ),
  MR_EXCHANGE_FRAME_UNKNOWN: entry(
    'An exchange holds a frame of a version or kind that this release does not know.',
    NOTHING_LOST,
    'Run the release that wrote it, or a newer one. Nothing else may write to the topics of exchanges.',
  ),
  MR_EXCHANGE_FRAME_DAMAGED: entry(
    'A frame of an exchange is damaged: its bytes are not those that were written.',
    NOTHING_LOST,
    'Check the disks of the brokers and that nothing else writes to the topic. Where the same frame stays damaged, restore the partition from a replica, or go back to an earlier checkpoint.',
  ),
} as const satisfies Record<string, ErrorEntry>
