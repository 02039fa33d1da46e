/** Kafka: connections, topics, producing, groups. */
import { type ErrorEntry, entry, NOT_STARTED, NOTHING_LOST } from './entry.ts'

export const KAFKA_ERRORS = {
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
} as const satisfies Record<string, ErrorEntry>
