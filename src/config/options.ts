/**
 * Every option of Millrace, once. --help, docs/configuration.md and the TypeScript types follow from this table.
 *
 * The key is the name in the program: the option's name in camel case, and `Ms` behind durations.
 */
import { optional, required, withDefault } from './option.ts'
import { boolean, bytes, duration, httpUrl, integer, list, oneOf, path, secret, storageUri, string } from './option-types.ts'

const KIB = 2 ** 10
const MIB = 2 ** 20
const GIB = 2 ** 30
const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** Kafka's rule for topic and group names; ids derived from it (`<app>.control`, `<app>.0.3`) must fit into 249 characters. */
const APPLICATION_ID = { pattern: /^[A-Za-z0-9._-]{1,200}$/, accepts: 'up to 200 letters, digits, `.`, `_` and `-`' }
const HOST_AND_PORT = { pattern: /^(\[[0-9a-fA-F:]+\]|[^\s:,/]+):\d{1,5}$/, accepts: '`host:port` pairs' }

export const OPTIONS = {
  appId: required({
    name: 'app-id',
    group: 'job',
    type: string(APPLICATION_ID),
    defaultText: "the job's name",
    description:
      'The identity of the job: its consumer group, its control topic and its transactions are named by it, and its checkpoints are found by it. All copies of a job share it.',
  }),
  config: optional({
    name: 'config',
    group: 'job',
    type: path,
    defaultText: '`millrace.config.ts` or `millrace.config.json` in the working directory, where there is one',
    description: 'A file of options: JSON, or TypeScript with a default export. Cannot be set in a file itself.',
  }),

  brokers: required({
    name: 'brokers',
    group: 'kafka',
    type: list(HOST_AND_PORT),
    description: 'Kafka brokers to ask first; the others are learned from them.',
  }),
  kafkaClientId: withDefault({
    name: 'kafka-client-id',
    group: 'kafka',
    type: string(APPLICATION_ID),
    default: 'millrace',
    description: 'How the job names itself in requests: it appears in the brokers’ logs, metrics and quotas.',
  }),
  kafkaTls: withDefault({
    name: 'kafka-tls',
    group: 'kafka',
    type: boolean,
    default: false,
    description: 'Speak TLS with the brokers.',
  }),
  kafkaTlsCa: optional({
    name: 'kafka-tls-ca',
    group: 'kafka',
    type: path,
    defaultText: 'the authorities that Node.js trusts',
    description: 'PEM file of the certificate authorities that brokers are checked against.',
  }),
  kafkaTlsCert: optional({
    name: 'kafka-tls-cert',
    group: 'kafka',
    type: path,
    description: 'PEM file of the client certificate, where brokers ask for one.',
  }),
  kafkaTlsKey: optional({
    name: 'kafka-tls-key',
    group: 'kafka',
    type: path,
    description: 'PEM file of the private key of the client certificate.',
  }),
  kafkaSaslMechanism: withDefault({
    name: 'kafka-sasl-mechanism',
    group: 'kafka',
    type: oneOf('none', 'plain', 'scram-sha-256', 'scram-sha-512'),
    default: 'none',
    description: 'How the job authenticates itself to the brokers.',
  }),
  kafkaSaslUsername: optional({
    name: 'kafka-sasl-username',
    group: 'kafka',
    type: string(),
    description: 'User name for SASL.',
  }),
  kafkaSaslPassword: optional({
    name: 'kafka-sasl-password',
    group: 'kafka',
    type: secret,
    description: 'Password for SASL. Better set in the environment: flags show in process lists.',
  }),
  kafkaConnectionTimeoutMs: withDefault({
    name: 'kafka-connection-timeout',
    group: 'kafka',
    type: duration({ min: 100, max: 10 * MINUTE }),
    default: 10 * SECOND,
    description: 'How long opening a connection to a broker may take, TLS and SASL included.',
  }),
  kafkaRequestTimeoutMs: withDefault({
    name: 'kafka-request-timeout',
    group: 'kafka',
    type: duration({ min: SECOND, max: 10 * MINUTE }),
    default: 30 * SECOND,
    description: 'How long a broker may take to answer; the connection is closed and the request repeated after it.',
  }),
  fetchBudgetBytes: withDefault({
    name: 'fetch-budget-bytes',
    group: 'kafka',
    type: bytes({ min: MIB, max: 16 * GIB }),
    default: 16 * MIB,
    description: 'How much a worker fetches ahead of processing, over all partitions. It bounds memory.',
  }),
  fetchMaxWaitMs: withDefault({
    name: 'fetch-max-wait',
    group: 'kafka',
    type: duration({ min: 10, max: 30 * SECOND }),
    default: 500,
    description: 'How long a broker holds back the answer to a fetch while there is nothing new. New records are sent at once.',
  }),
  produceBatchBytes: withDefault({
    name: 'produce-batch-bytes',
    group: 'kafka',
    type: bytes({ min: KIB, max: 64 * MIB }),
    default: 256 * KIB,
    description:
      'A batch of output is sent when it has this size. It must stay below the topic’s `max.message.bytes` (1 MiB by default).',
  }),
  produceLingerMs: withDefault({
    name: 'produce-linger',
    group: 'kafka',
    type: duration({ min: 0, max: 10 * SECOND }),
    default: 5,
    description:
      'How long output waits for more to share its batch. Longer: fewer, larger requests. Shorter: lower latency. ' +
      'Output in transactions, which is seen with their commits, waits 100 ms at least.',
  }),
  compression: withDefault({
    name: 'compression',
    group: 'kafka',
    type: oneOf('none', 'gzip', 'snappy', 'lz4', 'zstd'),
    default: 'none',
    description: 'Compression of produced batches.',
  }),
  internalReplicationFactor: withDefault({
    name: 'internal-replication-factor',
    group: 'kafka',
    type: integer({ min: 1, max: 100, zeroWord: 'broker' }),
    default: 0,
    description:
      'Replicas of the topics that Millrace creates for itself; `broker` takes the broker’s default. Use at least 3 in production.',
  }),

  delivery: withDefault({
    name: 'delivery',
    group: 'delivery',
    type: oneOf('exactly-once', 'at-least-once'),
    default: 'exactly-once',
    defaultText: '`exactly-once`, or what checkpoint-mode says',
    description:
      'What sinks promise that don’t say so themselves. `exactly-once` writes in transactions that are committed when their checkpoint is complete, so readers see output one checkpoint interval later. `at-least-once` writes at once and may repeat output after a failure.',
  }),
  transactionTimeoutMs: withDefault({
    name: 'transaction-timeout',
    group: 'delivery',
    type: duration({ min: 10 * SECOND, max: 7 * 24 * HOUR, zeroWord: 'auto' }),
    default: 0,
    description:
      'How long a broker keeps a transaction open before it aborts it; `auto` asks for as long as the broker allows (`transaction.max.timeout.ms`, 15 minutes by default). It bounds how long a stopped job may stay down without its last output having to be written again.',
  }),
  transactionSlots: withDefault({
    name: 'transaction-slots',
    group: 'delivery',
    type: integer({ min: 2, max: 100 }),
    default: 6,
    description:
      'Transactional ids per worker, used in turn. Each checkpoint that is not yet committed keeps one; when none is free, processing waits. At least checkpoint-tolerable-failures + 2.',
  }),

  checkpoints: required({
    name: 'checkpoints',
    group: 'checkpoints',
    type: storageUri,
    description: 'Where checkpoints are stored. All copies of the job must reach the same place.',
  }),
  checkpointIntervalMs: withDefault({
    name: 'checkpoint-interval',
    group: 'checkpoints',
    type: duration({ min: 100, max: HOUR }),
    default: 10 * SECOND,
    description:
      'From the start of one checkpoint to the start of the next. Shorter: exactly-once output is seen sooner and less is processed again after a failure. Longer: less work for storage.',
  }),
  checkpointMode: withDefault({
    name: 'checkpoint-mode',
    group: 'checkpoints',
    type: oneOf('exactly-once', 'at-least-once'),
    default: 'exactly-once',
    description:
      'The strongest delivery the job may have. With `at-least-once` no sink opens transactions: output is flushed before a checkpoint completes and may be repeated after a failure.',
  }),
  checkpointTimeoutMs: withDefault({
    name: 'checkpoint-timeout',
    group: 'checkpoints',
    type: duration({ min: SECOND, max: 24 * HOUR }),
    default: 4 * MINUTE,
    description:
      'A checkpoint that takes longer is given up and counts as failed. (interval + timeout) × (tolerable failures + 1) must be below the transaction timeout.',
  }),
  checkpointMinPauseMs: withDefault({
    name: 'checkpoint-min-pause',
    group: 'checkpoints',
    type: duration({ min: 0, max: HOUR }),
    default: 0,
    description:
      'At least this long between the end of one checkpoint and the start of the next, so that slow ones do not follow each other without a break.',
  }),
  checkpointTolerableFailures: withDefault({
    name: 'checkpoint-tolerable-failures',
    group: 'checkpoints',
    type: integer({ min: 0, max: 1000 }),
    default: 2,
    description:
      'So many checkpoints in a row may fail while the job goes on; one more restarts it from the last completed one.',
  }),
  checkpointsRetained: withDefault({
    name: 'checkpoints-retained',
    group: 'checkpoints',
    type: integer({ min: 1, max: 1000 }),
    default: 3,
    description: 'So many completed checkpoints are kept; older ones are deleted.',
  }),

  compactionShare: withDefault({
    name: 'compaction-share',
    group: 'checkpoints',
    type: integer({ min: 1, max: 100, zeroWord: 'off' }),
    default: 20,
    description:
      'How much of a worker’s time the compaction of checkpoints may take, in percent. It reads slices of earlier checkpoints from the storage and writes them merged, so that restores stay short and old files can be deleted. `off`: chains of slices grow for ever.',
  }),

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

  s3Endpoint: optional({
    name: 's3-endpoint',
    group: 's3',
    type: httpUrl,
    defaultText: 'AWS',
    description: 'The address of an S3-compatible store.',
  }),
  s3Region: optional({
    name: 's3-region',
    group: 's3',
    type: string(),
    defaultText: '`AWS_REGION` or the AWS profile; `us-east-1` with s3-endpoint',
    description: 'The region of the bucket.',
  }),
  s3PathStyle: optional({
    name: 's3-path-style',
    group: 's3',
    type: boolean,
    defaultText: '`true` with s3-endpoint, else `false`',
    description: 'Put the bucket’s name into the path instead of the host name. Most stores other than AWS need it.',
  }),
  s3AccessKeyId: optional({
    name: 's3-access-key-id',
    group: 's3',
    type: string(),
    defaultText: 'found as the AWS SDK does: environment, profile, role',
    description: 'Access key. Set together with s3-secret-access-key.',
  }),
  s3SecretAccessKey: optional({
    name: 's3-secret-access-key',
    group: 's3',
    type: secret,
    description: 'Secret key. Better set in the environment: flags show in process lists.',
  }),

  workers: withDefault({
    name: 'workers',
    group: 'workers',
    type: integer({ min: 1, max: 64 }),
    default: 1,
    description:
      'How many workers this process runs. Each has an event loop, a Kafka client and local state of its own and is one member of the consumer group; more than one run in threads, and one that dies is started anew. More than the machine has cores, or than the job has partitions, is of no use.',
  }),
  sessionTimeoutMs: withDefault({
    name: 'session-timeout',
    group: 'workers',
    type: duration({ min: SECOND, max: 30 * MINUTE }),
    default: 10 * SECOND,
    description:
      'A worker that Kafka has not heard of for so long counts as dead, and the others take over its work. Shorter: a killed worker is replaced sooner. Longer: pauses and restarts of brokers are sat out. The brokers bound it: 6 seconds to 30 minutes by default.',
  }),
  heartbeatIntervalMs: withDefault({
    name: 'heartbeat-interval',
    group: 'workers',
    type: duration({ min: 50, max: MINUTE }),
    default: 500,
    description:
      'How often a worker tells Kafka that it is alive, and learns that others come or go. At most a third of session-timeout.',
  }),
  rebalanceTimeoutMs: withDefault({
    name: 'rebalance-timeout',
    group: 'workers',
    type: duration({ min: SECOND, max: HOUR }),
    default: MINUTE,
    description:
      'When workers come or go, the others first take a last checkpoint. One that has not joined again within this time is left behind.',
  }),

  exchangeMaxLag: withDefault({
    name: 'exchange-max-lag',
    group: 'workers',
    type: integer({ min: 1, max: 1_000_000_000 }),
    default: 2_000,
    description:
      'How many frames (up to some hundred records each) the partitions of an exchange may lag before sources wait for them. It bounds what a slow second stage leaves on the brokers’ disks.',
  }),
  partitionDiscoveryIntervalMs: withDefault({
    name: 'partition-discovery-interval',
    group: 'workers',
    type: duration({ min: SECOND, max: 24 * HOUR }),
    default: MINUTE,
    description: 'How often the leader looks whether topics that the job reads have more partitions.',
  }),

  restartStrategy: withDefault({
    name: 'restart-strategy',
    group: 'restarts',
    type: oneOf('none', 'fixed-delay', 'exponential-delay', 'failure-rate'),
    default: 'exponential-delay',
    description:
      'What follows a failure that a new start may mend: failing user code, unreachable brokers or storage. What would come again, such as a malformed record, ends the job at once.',
  }),
  restartAttempts: withDefault({
    name: 'restart-attempts',
    group: 'restarts',
    type: integer({ min: 0, max: 1_000_000 }),
    default: 10,
    description: 'Restarts in a row before the job gives up; `failure-rate`: failures within restart-interval before it does.',
  }),
  restartDelayMs: withDefault({
    name: 'restart-delay',
    group: 'restarts',
    type: duration({ min: 0, max: HOUR }),
    default: SECOND,
    description: 'Time before a restart; `exponential-delay` doubles it with each in a row.',
  }),
  restartMaxDelayMs: withDefault({
    name: 'restart-max-delay',
    group: 'restarts',
    type: duration({ min: 0, max: HOUR }),
    default: MINUTE,
    description: 'Longest time before a restart by `exponential-delay`.',
  }),
  restartIntervalMs: withDefault({
    name: 'restart-interval',
    group: 'restarts',
    type: duration({ min: SECOND, max: 24 * HOUR }),
    default: 10 * MINUTE,
    description: 'A run of this length ends the row of failures; `failure-rate` counts failures within it.',
  }),

  recoveryTimeoutMs: withDefault({
    name: 'recovery-timeout',
    group: 'deadlines',
    type: duration({ min: SECOND, max: 24 * HOUR }),
    default: 2 * MINUTE,
    description:
      'How long settling the transactions of the restore point and fencing older ones may take at the start of an epoch.',
  }),
  restoreTimeoutMs: withDefault({
    name: 'restore-timeout',
    group: 'deadlines',
    type: duration({ min: SECOND, max: 7 * 24 * HOUR }),
    default: 30 * MINUTE,
    description: 'How long a worker may take to restore its state and report that it is ready.',
  }),
  shutdownTimeoutMs: withDefault({
    name: 'shutdown-timeout',
    group: 'deadlines',
    type: duration({ min: 0, max: HOUR }),
    default: 25 * SECOND,
    description:
      'How long the final checkpoint may take after SIGTERM or SIGINT. When it is over, the job ends without it and the next start goes on from the one before. Keep it below the time your platform allows before it kills (Kubernetes: 30 seconds).',
  }),

  metricsPort: withDefault({
    name: 'metrics-port',
    group: 'service',
    type: integer({ min: 1, max: 65_535, zeroWord: 'off' }),
    default: 9464,
    defaultText: '`9464`, or any free port where that is taken',
    description: 'Port of /metrics (Prometheus) and /healthz. A port that is set and taken is an error.',
  }),
  metricsHost: withDefault({
    name: 'metrics-host',
    group: 'service',
    type: string({ pattern: /^\S+$/, accepts: 'a host name or address' }),
    default: '127.0.0.1',
    description: 'The address it listens at. `0.0.0.0` opens it to the network; it has no authentication.',
  }),
  logFormat: withDefault({
    name: 'log-format',
    group: 'service',
    type: oneOf('auto', 'text', 'json'),
    default: 'auto',
    description:
      '`text` for people, `json` for machines (one object a line), `auto`: text on a terminal, JSON in a pipe. The log goes to standard output.',
  }),
  logLevel: withDefault({
    name: 'log-level',
    group: 'service',
    type: oneOf('debug', 'info', 'warn', 'error'),
    default: 'info',
    description: 'The least severe lines that are logged.',
  }),
} as const
