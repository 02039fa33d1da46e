/** Jobs, their records and what runs them. */
import { type ErrorEntry, entry, NOT_STARTED, NOTHING_LOST } from './entry.ts'

export const JOB_ERRORS = {
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
  MR_USER_CODE_FAILED: entry(
    "The job's own code threw an exception.",
    NOTHING_LOST,
    'See the cause and its stack; mend the code, or filter the record that the message names, and start the job again.',
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
  MR_RECORD_MALFORMED: entry(
    'A record of a source cannot be decoded.',
    NOTHING_LOST,
    'Mend or delete the record that the message names, use the right serde, or set onMalformed of the source to skip it or to send it to a dead-letter topic.',
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
} as const satisfies Record<string, ErrorEntry>
