/** Options, the command line and job files. */
import { type ErrorEntry, entry, NOT_STARTED } from './entry.ts'

export const CONFIG_ERRORS = {
  MR_CONFIG_UNKNOWN_OPTION: entry(
    'An option of this name does not exist.',
    NOT_STARTED,
    'Use the name that the message proposes, if it does, or one of those that millrace help <command> and docs/configuration.md list.',
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
  MR_METRICS_PORT_UNAVAILABLE: entry(
    'The port for metrics and health cannot be opened.',
    NOT_STARTED,
    'Choose another with metrics-port or metrics-host, or turn the server off with --metrics-port off.',
  ),
  MR_CLI_USAGE: entry('The command line is not one that millrace understands.', NOT_STARTED, 'See millrace help.'),
  MR_CLI_OUTPUT_FAILED: entry(
    'What a command has found could not be written to its standard output.',
    'None; but what stands in the file that it was written to is not the whole.',
    'Make room on the disk that the output goes to, or send it elsewhere, and run the command again.',
  ),
  MR_CLI_INTERRUPTED: entry(
    'A command was interrupted, by Ctrl-C or SIGTERM, before it was done.',
    'None: what was read is as it was, and what was written so far is deleted.',
    'Run the command again.',
  ),
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
} as const satisfies Record<string, ErrorEntry>
