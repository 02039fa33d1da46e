/**
 * Every error code of Millrace: what it is, what it means for the data, how to mend it. `docs/errors.md` is generated
 * from this table (`npm run docs`), and a test fails when the two differ. Codes are never reused for another meaning.
 */
export interface ErrorEntry {
  /** One line: what has gone wrong. */
  readonly description: string
  /** What it means for the data. */
  readonly dataEffect: string
  /** How to mend it. */
  readonly remedy: string
}

const entry = (description: string, dataEffect: string, remedy: string): ErrorEntry => ({ description, dataEffect, remedy })

const NOTHING_LOST = 'Nothing is lost: the job restarts from its last completed checkpoint.'
const NOT_STARTED = 'None: the job has not started.'

export const ERROR_CATALOGUE = {
  MR_CONFIG_UNKNOWN_OPTION: entry(
    'An option of this name does not exist.',
    NOT_STARTED,
    'Use the name the message proposes, or see docs/configuration.md.',
  ),
  MR_CONFIG_INVALID_VALUE: entry(
    'An option has a value outside its type or range.',
    NOT_STARTED,
    'Set a value within the range that the message names.',
  ),
  MR_CONFIG_MISSING_OPTION: entry(
    'An option that has no default is not set.',
    NOT_STARTED,
    'Set it as a flag, in the environment, in the config file or in the job.',
  ),
  MR_CONFIG_CONFLICT: entry(
    'Two options contradict each other.',
    NOT_STARTED,
    'Change one of the two options that the message names.',
  ),
  MR_CONFIG_TRANSACTION_TIMEOUT: entry(
    'The transaction timeout is above what the brokers allow, or a transaction could outlive it.',
    NOT_STARTED,
    'Lower checkpoint-timeout, checkpoint-interval or checkpoint-tolerable-failures, or raise transaction-timeout and the transaction.max.timeout.ms of the brokers.',
  ),
  MR_CONFIG_FILE_UNREADABLE: entry(
    'The config file is missing, is not valid JSON or TypeScript, or holds no object of options.',
    NOT_STARTED,
    'Mend the file at the place that the message names, or name another with --config.',
  ),
  MR_JOB_INVALID_NAME: entry(
    'A job or an operator has no usable name.',
    NOT_STARTED,
    'Name it with 1 to 100 of the characters A-Z a-z 0-9 . _ - (a letter or digit first).',
  ),
  MR_JOB_INVALID_STATE: entry(
    'A state of the job is declared in a way that cannot be.',
    NOT_STARTED,
    'Mend what the message names: docs/jobs.md says what states can be given.',
  ),
  MR_JOB_DUPLICATE_NAME: entry(
    'Two operators of the job have the same name.',
    NOT_STARTED,
    'Give every source, stateful operator and sink a name of its own: state and positions are found by it.',
  ),
  MR_JOB_WITHOUT_SOURCE: entry('The job has no source.', NOT_STARTED, 'Begin the job with job.source(…).'),
  MR_JOB_NOT_A_JOB: entry(
    'The job file does not export a job.',
    NOT_STARTED,
    'Write `export default defineJob(…)` with defineJob imported from "millrace".',
  ),
  MR_AGGREGATE_NOT_A_NUMBER: entry(
    'An aggregate was given something that is not a number.',
    NOTHING_LOST,
    'Filter such records before the aggregate, or make its selector return a number for them.',
  ),
  MR_RECORD_WITHOUT_KEY: entry(
    'keyByRecordKey met a record that has no key.',
    NOTHING_LOST,
    'Produce the topic with keys, or filter records without a key.',
  ),
  MR_KEY_NOT_TEXT: entry(
    'keyBy got a key that is no text.',
    NOTHING_LOST,
    'Return a string from keyBy, or say with its option `key` how other keys become bytes; filter records without a key.',
  ),
  MR_KEY_NOT_A_NUMBER: entry(
    'A key is no number where numberKeys says that keys are numbers.',
    NOTHING_LOST,
    'Give a number that is not NaN, or another kind of keys.',
  ),
  MR_KAFKA_CORRUPT_BATCH: entry(
    'A record batch holds bytes that Kafka does not write: a wrong checksum, length, count or compressed block.',
    NOTHING_LOST,
    'Fetching again helps where the network or a proxy did the damage. Where the same batch stays damaged, the log on the broker is: check its disk with kafka-dump-log, restore the partition from a replica, or skip the batch.',
  ),
  MR_KAFKA_OLD_MESSAGE_FORMAT: entry(
    'A topic holds records in a message format from before Kafka 0.11 (magic 0 or 1), which Millrace does not read.',
    NOTHING_LOST,
    'Set message.format.version of the topic to 0.11.0 or later (from Kafka 4.0 on there is nothing to set) and rewrite its old records, or start the job behind them.',
  ),
  MR_KAFKA_BATCH_TOO_LARGE: entry(
    'A compressed record batch is larger, decompressed, than a reader allows.',
    NOTHING_LOST,
    'Let the producer make smaller batches (batch.size), or raise the limit that the message names. A tiny batch that becomes huge may be an attack: look at who wrote it.',
  ),
  MR_KAFKA_NUMBER_OUT_OF_RANGE: entry(
    'An offset, timestamp or producer id in a record batch lies beyond 2^53, which Millrace cannot hold exactly.',
    NOTHING_LOST,
    'Record timestamps must be milliseconds since 1970: a producer that writes nanoseconds is the usual cause. Mend the producer, then start the job behind these records.',
  ),
  MR_KAFKA_UNREACHABLE: entry(
    'A Kafka broker cannot be reached, or none of them.',
    NOTHING_LOST,
    'Check the addresses the message names, the network, and that the brokers run. An address that differs from yours comes from the brokers: set their advertised.listeners to one that this machine reaches.',
  ),
  MR_KAFKA_REQUEST_TIMEOUT: entry(
    'A Kafka broker did not answer a request in time.',
    NOTHING_LOST,
    'Check the load and the disk of the broker that the message names, and the network between; raise the request timeout where the broker is only slow.',
  ),
  MR_KAFKA_AUTHENTICATION: entry(
    'A Kafka broker refuses the credentials.',
    NOTHING_LOST,
    'Check SASL mechanism, user name and password, and that the listener takes that mechanism.',
  ),
  MR_KAFKA_TLS: entry(
    'No TLS connection to a Kafka broker is possible.',
    NOTHING_LOST,
    'Give the certificate authority of the brokers (ssl.ca), check that their certificate is for the name used and has not expired, and that the listener speaks TLS.',
  ),
  MR_KAFKA_AUTHORIZATION: entry(
    'The Kafka user is not allowed to do this.',
    NOTHING_LOST,
    'Grant the user the operation on the topic, group, transactional id or cluster that the message names (kafka-acls).',
  ),
  MR_KAFKA_VERSION: entry(
    'A Kafka broker is too old or too new for a request that is needed.',
    NOTHING_LOST,
    'Run brokers of Kafka 2.1 or later (for exactly-once 3.6 or later), or a release of Millrace that knows them.',
  ),
  MR_KAFKA_PROTOCOL: entry(
    'A Kafka broker answered with something that the protocol does not allow.',
    NOTHING_LOST,
    'Check that the address is that of a Kafka broker and no proxy changes the traffic; otherwise please report it with the message.',
  ),
  MR_KAFKA_REQUEST_REFUSED: entry(
    'Kafka refuses a request with an error that no retry mends.',
    NOTHING_LOST,
    'The message holds the error of the broker; its log says more.',
  ),
  MR_KAFKA_COORDINATOR_UNAVAILABLE: entry(
    'Kafka has no coordinator for a group or a transactional id at the moment.',
    NOTHING_LOST,
    'Brokers that just start or move partitions need some seconds. Where it stays so, check that the topics __consumer_offsets and __transaction_state have leaders and enough replicas.',
  ),
  MR_KAFKA_CLUSTER_CHANGED: entry(
    'The brokers belong to another Kafka cluster than before.',
    'Nothing is lost yet: offsets of one cluster mean nothing in another, so the job goes no further.',
    'Check where the addresses of the brokers lead. To go on with another cluster on purpose, use another application id.',
  ),
  MR_KAFKA_TOPIC_MISSING: entry(
    'A Kafka topic or partition does not exist.',
    NOTHING_LOST,
    'Check the name; create the topic with the partitions it shall have.',
  ),
  MR_KAFKA_OFFSET_OUT_OF_RANGE: entry(
    'The records at a position are no longer, or not yet, in the partition.',
    'Records between the position and the earliest one left cannot be read any more; Millrace never skips them silently.',
    'Raise retention.ms or retention.bytes of the topic above the longest time the job may be down. To go on without those records, start the job from an earlier position on purpose under another application id.',
  ),
  MR_KAFKA_PRODUCER_FENCED: entry(
    'Another process has taken over the producer identity, or Kafka has let its transaction expire.',
    NOTHING_LOST,
    'None if a job restarted or was moved: the newer process goes on. Otherwise check that no second job runs under the same application id, and that transaction-timeout is above the time a checkpoint may take.',
  ),
  MR_KAFKA_PRODUCER_STATE_LOST: entry(
    'The leader of a partition no longer knows what this producer wrote before.',
    'Records that the broker had acknowledged may be gone from the partition. The job writes them again from its last completed checkpoint.',
    'Look for an unclean leader election or a deleted topic; set unclean.leader.election.enable=false and min.insync.replicas=2, and producer.id.expiration.ms above the longest pause.',
  ),
  MR_KAFKA_RECORD_TOO_LARGE: entry(
    'A record or a batch is larger than the topic takes.',
    NOTHING_LOST,
    'Raise max.message.bytes of the topic (and message.max.bytes of the brokers), use compression, or write smaller records.',
  ),
  MR_KAFKA_RECORD_REFUSED: entry(
    'A topic does not take a record.',
    NOTHING_LOST,
    'A compacted topic needs records with keys; a timestamp must lie within message.timestamp.before.max.ms and message.timestamp.after.max.ms of the topic. The message holds what the broker says.',
  ),
  MR_KAFKA_DELIVERY_TIMEOUT: entry(
    'A batch could not be written within the delivery timeout.',
    NOTHING_LOST,
    'The message names the last error of the partition. Check that it has a leader and min.insync.replicas in-sync replicas; raise the delivery timeout above the longest outage to sit out.',
  ),
  MR_KAFKA_TRANSACTION_TIMEOUT: entry(
    'The transaction timeout is above what the Kafka brokers allow.',
    NOT_STARTED,
    'Lower transaction-timeout, or raise transaction.max.timeout.ms of the brokers.',
  ),
  MR_KAFKA_TRANSACTION_STATE: entry(
    'Kafka says that a transaction is not in the state it should be in.',
    NOTHING_LOST,
    'See the message. Check that no second job runs under the same application id.',
  ),
  MR_GROUP_IN_USE: entry(
    'The consumer group named by the application id has members that are not workers of this job.',
    NOTHING_LOST,
    'Set another app-id, or stop the other consumers: kafka-consumer-groups.sh --describe --members --group with the application id shows them.',
  ),
  MR_GROUP_SESSION_TIMEOUT: entry(
    'The session timeout is outside of what the Kafka brokers allow.',
    NOT_STARTED,
    'Set session-timeout between group.min.session.timeout.ms (6 s by default) and group.max.session.timeout.ms (30 min) of the brokers.',
  ),
  MR_GROUP_FULL: entry(
    'The consumer group has as many members as the Kafka brokers allow.',
    NOTHING_LOST,
    'Run fewer workers, or raise group.max.size of the brokers.',
  ),
  MR_GROUP_MEMBERSHIP_LOST: entry(
    'The worker is no longer a member of its consumer group.',
    NOTHING_LOST,
    'None where it happens once: the worker joins again. Where it happens again and again, look for pauses longer than session-timeout (a machine out of memory or CPU) and for connections that break.',
  ),
  MR_KAFKA_CLIENT_CLOSED: entry(
    'Something was asked of a Kafka client that has been closed.',
    NOTHING_LOST,
    'None: the job is stopping. If it is not, please report it.',
  ),
  MR_USER_CODE_FAILED: entry(
    "The job's own code threw an exception.",
    NOTHING_LOST,
    'See the cause and its stack; mend the code, or filter the record that the message names, and start the job again.',
  ),
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
  MR_JOB_NOT_RUNNING: entry(
    'No copy of the job runs, or none has answered.',
    'None: nothing was changed.',
    'Start the job, or wait until it has started: millrace status tells. What is stopped goes on from its newest checkpoint.',
  ),
  MR_JOB_BUSY: entry(
    'Somebody else has asked the job for a savepoint, or to stop, and that is still under way.',
    'None: nothing was changed.',
    'Wait until it is done and try again.',
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
  MR_JOB_FAILED: entry(
    'The job has failed for good: on another worker, or too often for its restart strategy.',
    NOTHING_LOST,
    'Mend the cause that the message names, then start the copies again.',
  ),
  MR_PARTITIONS_ADDED: entry(
    'A topic that the job keys by its record keys has more partitions than at the last checkpoint: keys have moved to other partitions, away from their state.',
    NOTHING_LOST,
    'Use keyBy() in place of keyByRecordKey(), whose keys stay together; or start the job anew under another application id.',
  ),
  MR_EXCHANGE_REPLACED: entry(
    'An internal exchange topic was deleted, and made anew: the in-flight records of the restore point are gone.',
    'The records in flight between two stages at the last checkpoint are lost with the topic.',
    'Restore the topic from a backup of the cluster, or start the job anew under another application id.',
  ),
  MR_GRAPH_DIFFERS: entry(
    'This copy runs another graph than the copies that lead the application id.',
    'None: it gets no tasks.',
    'Stop the copies of the older graph, or give this job an application id of its own.',
  ),
  MR_SOURCE_REPLACED: entry(
    'What a source reads is not what the checkpoint was made of: the topic was deleted and created again.',
    'None: stored positions would point at other records.',
    'Use another source name or application id to begin anew on the new topic.',
  ),
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
  MR_EPOCH_TIMEOUT: entry(
    'A step of starting did not end in time.',
    NOTHING_LOST,
    'See which step the message names; check brokers and storage.',
  ),
  MR_METRICS_PORT_UNAVAILABLE: entry(
    'The port for metrics and health cannot be opened.',
    NOT_STARTED,
    'Choose another with metrics-port or metrics-host, or turn the server off with --metrics-port off.',
  ),
  MR_CLI_USAGE: entry('The command line is not one that millrace understands.', NOT_STARTED, 'See millrace help.'),
  MR_CLI_NOT_MEASURED: entry(
    'A plan was to be made from the metrics of a running job, and they tell too little.',
    'None: metrics were only read.',
    'Name the addresses of all copies, separated by commas (each logs its own at the start): the one that leads tells. A job ' +
      'that has just started tells after its first checkpoint with state. Or plan from its checkpoints: millrace plan <app id>.',
  ),
  MR_CLI_NO_CHECKPOINT: entry(
    'The checkpoint that was asked for does not lie in this storage.',
    'None: storage was only read.',
    'Choose one that millrace checkpoints list shows; check --checkpoints and --app-id.',
  ),
  MR_CLI_STORAGE_DIFFERS: entry(
    'The storage does not hold exactly what the checkpoints of the job refer to.',
    'Checkpoints that refer to a missing or damaged file cannot be restored. Files that nothing refers to only take space.',
    'Put missing and damaged files back from a backup of the storage, or go back to a checkpoint that does not need them: ' +
      'millrace rewind. Delete what nothing refers to with millrace checkpoints sweep --delete.',
  ),
  MR_CLI_NOT_RETAINED: entry(
    'The job has no checkpoint of this number to go back to.',
    'None: nothing was changed.',
    'Choose one of those that the message names. checkpoints-retained says how many are kept.',
  ),
  MR_JOB_FILE_NOT_FOUND: entry(
    'The job file does not exist.',
    NOT_STARTED,
    'Check the path; it is relative to the working directory.',
  ),
  MR_JOB_FILE_SYNTAX: entry(
    'The job file, or a file it imports, cannot be parsed.',
    NOT_STARTED,
    'Mend the file at the place that the message names.',
  ),
  MR_JOB_FILE_NOT_ERASABLE: entry(
    'The job file, or a file it imports, uses TypeScript that is more than types: enums, namespaces with values, parameter properties or import aliases.',
    NOT_STARTED,
    'Node.js runs TypeScript by leaving out its types. Write the construct in JavaScript (an object `as const` for an enum), set erasableSyntaxOnly in tsconfig.json to find all such places, or compile the job first.',
  ),
  MR_JOB_FILE_IMPORT: entry(
    'A module that the job file imports cannot be found or loaded.',
    NOT_STARTED,
    'Install the package beside the job file, or mend the path. Imports of own files need their ending: ./orders.ts.',
  ),
  MR_JOB_FILE_THREW: entry(
    'The job file threw an error while it was loaded.',
    NOT_STARTED,
    'Mend the code at the place of the error. It runs once, before the job starts, and only describes the job.',
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
  MR_CONTROL_LOG_UNUSABLE: entry(
    'The control topic is not what it must be.',
    NOT_STARTED,
    'The control topic has one partition and belongs to one application. Use another application id, or delete the topic if it is not a control topic.',
  ),
  MR_RECORD_MALFORMED: entry(
    'A record of a source cannot be decoded.',
    NOTHING_LOST,
    'Mend or delete the record that the message names, use the right serde, or set onMalformed of the source to skip it or to send it to a dead-letter topic.',
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
  MR_SOURCE_UNCLAIMED: entry(
    'The checkpoint holds positions of a source that the job does not have.',
    'None: nothing was changed.',
    'Give the source its old name back: positions and state are found by it. Or use another application id to begin anew.',
  ),
  MR_SINK_TIMESTAMP_INVALID: entry(
    'timestamp() of a sink gave something that is not a whole number of milliseconds.',
    NOTHING_LOST,
    'Make it return milliseconds since 1970 for every row, or leave it out: the timestamp of the record is taken then.',
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

export type ErrorCode = keyof typeof ERROR_CATALOGUE
