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
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERROR_CATALOGUE
