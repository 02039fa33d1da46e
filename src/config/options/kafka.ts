/** How Kafka is reached, read and written. */
import { optional, required, withDefault } from '../option.ts'
import { boolean, bytes, duration, integer, list, oneOf, path, secret, string } from '../option-types.ts'
import { GIB, KIB, MIB, MINUTE, SECOND } from './amounts.ts'
import { APPLICATION_ID } from './application-id.ts'

const HOST_AND_PORT = { pattern: /^(\[[0-9a-fA-F:]+\]|[^\s:,/]+):\d{1,5}$/, accepts: '`host:port` pairs' }

export const KAFKA_OPTIONS = {
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
} as const
