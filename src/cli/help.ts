/** --help, generated from the table of options. */
import { OPTION_KEYS, type OptionKey, optionOf } from '../config/config.ts'
import { environmentName, OPTION_GROUPS, type Option, type OptionGroup } from '../config/option.ts'
import { CONTROL_OPTION_KEYS, PLAN_OPTION_KEYS, STORAGE_OPTION_KEYS } from './cli-environment.ts'
import type { Command } from './command-line.ts'
import { PLAN_FLAG_NAMES, planFlag } from './plan/plan-flags.ts'

const INDENT = ' '.repeat(8)

export function helpText(command: Command | undefined, width: number): string {
  const columns = Math.max(60, Math.min(width, 100))
  if (command === 'run') return RUN_HELP + optionsText(OPTION_KEYS, columns)
  if (command === 'checkpoints')
    return CHECKPOINTS_HELP + optionsText(['appId', 'config', ...CONTROL_OPTION_KEYS, ...STORAGE_OPTION_KEYS], columns)
  if (command === 'status')
    return STATUS_HELP + optionsText(['appId', 'config', ...CONTROL_OPTION_KEYS, ...STORAGE_OPTION_KEYS], columns)
  if (command === 'rewind') return REWIND_HELP + optionsText(['appId', 'config', ...CONTROL_OPTION_KEYS], columns)
  if (command === 'plan')
    return (
      PLAN_HELP +
      planFlagsText(columns) +
      optionsText([...PLAN_OPTION_KEYS, 'delivery', 'config', ...STORAGE_OPTION_KEYS], columns)
    )
  if (command === 'state') return STATE_HELP + optionsText(['config', ...STORAGE_OPTION_KEYS], columns)
  if (command === 'savepoint') return SAVEPOINT_HELP + optionsText(['appId', 'config', ...CONTROL_OPTION_KEYS], columns)
  if (command === 'cancel') return CANCEL_HELP + optionsText(['appId', 'config', ...CONTROL_OPTION_KEYS], columns)
  return GENERAL_HELP
}

const GENERAL_HELP = `Millrace: Kafka-native stream processing for Node.js.

Usage:
  millrace run <job file> [options]      run one copy of a job
  millrace status <app id> [options]     what a job does, and what it failed of
  millrace rewind <app id> --to-checkpoint M [options]
                                         make a job go on from an older checkpoint
  millrace savepoint <app id> [--stop] [--to <uri>] [options]
                                         have a running job write a savepoint, and stop it
  millrace cancel <app id> [options]     stop all copies of a running job
  millrace checkpoints list [options]    list the checkpoints in storage
  millrace checkpoints show [N]          show one of them, by default the last
  millrace checkpoints history <app id>  what became of the last ones, and why some were aborted
  millrace checkpoints verify <app id>   compare the storage with what checkpoints refer to
  millrace checkpoints sweep <app id>    list, or delete, files that nothing refers to
  millrace plan [app id] [options]       sizes, intervals, costs and recovery time to expect
  millrace state list <where>            list the state of a checkpoint or savepoint
  millrace state get|keys|export <where>, compare <where> <where>
                                         look into it, without the job and without Kafka
  millrace state rewrite <where> --to <uri> …
                                         make a changed savepoint of a savepoint
  millrace help [command]                all options of a command
  millrace --version

An option is taken from the first of: flag, environment (MILLRACE_…), config file (millrace.config.ts
or millrace.config.json, or --config), the job file, its default.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted (a job: a second time).
`

const RUN_HELP = `Usage: millrace run <job file> [options]

Runs one copy of the job until it is stopped. All copies with one application id, on whatever machines,
share its work; --workers puts several into one process. SIGTERM or SIGINT (Ctrl-C) takes a final
checkpoint and ends with 0; Ctrl-C once more ends at once with 130, and the next start goes on from the
last completed checkpoint. The log goes to standard output; why a run failed, to standard error.
`

const CHECKPOINTS_HELP = `Usage: millrace checkpoints list [options]
       millrace checkpoints show [N] [options]
       millrace checkpoints history <app id> [options]
       millrace checkpoints verify <app id> [--deep] [options]
       millrace checkpoints verify --savepoint <uri> [options]
       millrace checkpoints sweep <app id> [--delete] [options]

Reads checkpoints from storage; the job may be running. A table on a terminal; JSON in a pipe.
Storage holds what was written: whether the newest one counts is decided by the job's control log.

history reads the control log, as millrace status does, and needs the options of Kafka; the others
need those of the storage. It tells the last 200, newest first: completed, aborted with the reason and
the cause, or abandoned when the epoch ended first.

verify ends with 1 where a file is missing, damaged or referred to by no checkpoint. sweep lists
what attempts that died have left behind, of epochs older than the newest checkpoint's; the job
deletes the same by itself a moment after each start. Savepoints are none of their business; with
--savepoint verify reads one, wherever it lies, and compares all its files with their SHA-256.

  --json
        Write JSON on a terminal too.
  --deep
        verify: read all files and compare their SHA-256, not only their sizes.
  --delete
        sweep: delete what it lists.
`

const STATUS_HELP = `Usage: millrace status <app id> [options]

What the job's control log says: epoch, workers and their tasks, the checkpoint it would go on from,
the one that is under way, workers that lag, the last savepoint, and the last failures. The job may be
running or not. A table on a terminal; JSON in a pipe.

Where --checkpoints tells the storage (or the environment, or the config file), also what the checkpoint
holds that the job would go on from: live state, how many times of it is stored, and how many a restore
reads. With --metrics what the copies tell of themselves: how far they have restored, their shares of a
memory-budget, and the plan of the one that leads: sizes, least interval, time of a recovery, factors.

  --metrics <url,…>
        The addresses of the job's copies, as they log them (metrics-listening).
  --json
        Write JSON on a terminal too.
`

const STATE_HELP = `Usage: millrace state list <where> [--quick] [options]
       millrace state get <where> --operator O [--state S] --key K [--map-key M] [options]
       millrace state keys <where> --operator O [--state S] [options]
       millrace state export <where> [--operator O [--state S]] [options]
       millrace state compare <where> <where> [--details] [options]
       millrace state rewrite <where> --to <uri> [--partitions <exchange>=<n>] [--drop-operator O]
                [--drop-state O/S] [--map <file>] [options]

Looks at the state of a checkpoint or savepoint, in the storage alone: the job may run or not. <where>
is an application id, for the newest checkpoint in --checkpoints, or <app>@<number>; or the URI of a
checkpoint's or savepoint's folder, or of its metadata.json.

list shows operators, states and tasks, and counts live entries, for which it reads all of the state.
get shows the entries of one key, and ends with 1 where there are none. keys, export, get and compare
--details write JSON, a line each. compare ends with 0 where both are equal, 1 where they differ, 2
where it failed. Values that have expired by now are not shown.

rewrite makes a new savepoint of a savepoint: with another number of partitions of an exchange, without
some of the state, with mapped values. The one that it reads stays as it is.

  --operator <name>, --state <name>
        Which state. get may leave out --state where the operator has one only.
  --key <key>, --map-key <key>
        Text as it is, a number as digits, bytes in base64, keys of a codec of your own as JSON.
  --checkpoint <number>
        With an application id: the checkpoint, instead of the newest.
  --job <job file>
        The job that wrote it, or a later version: its own codecs and migrations are used.
  --to <uri>
        rewrite: the folder of the new savepoint, file: or s3://bucket/prefix.
  --partitions <exchange>=<number>, --drop-operator <name>, --drop-state <operator>/<state>
        rewrite: what is to be changed; each may be given several times.
  --map <file>
        rewrite: a file whose default export has a function for each state to be mapped, by its name
        operator/state: (value, entry) => value, or undefined to drop the entry.
  --quick
        list: count nothing.
  --details
        compare: each entry that differs, with what it was and what it is.
  --json
        list, compare: write JSON on a terminal too.
`

const REWIND_HELP = `Usage: millrace rewind <app id> --to-checkpoint M [options]

Makes the job go on from checkpoint M, which must be one of those it has retained: millrace status lists
them. A job that runs restarts from there; one that is stopped does so at its next start. What was
completed behind M is given up for good. Records behind M are processed again: output that was committed
since then stays in its topics, and comes a second time.

  --to-checkpoint <number>
        The checkpoint to go back to.
`

const PLAN_HELP = `Usage: millrace plan --metrics <url,…> [options]           of a job that runs
       millrace plan <app id> --checkpoints <uri> [options]  of a job's checkpoints
       millrace plan --keys N --value-bytes N [options]      of a job to come

Tells how large checkpoints are and how long they take, the least interval that makes sense, what
retaining them costs, and how long a recovery takes; and warns where the options don't fit. Figures
that are given win over measured ones; what nobody tells is assumed, and marked so. A table on a
terminal; JSON in a pipe. docs/planning.md has the formulas.

  --json
        Write JSON on a terminal too.
`

const SAVEPOINT_HELP = `Usage: millrace savepoint <app id> [--stop] [--to <uri>] [options]

Asks the running job for a savepoint, waits for it and prints its URI; JSON in a pipe. A savepoint is
a folder that holds the whole job: its state, where its sources stand, and the records that were on
their way between its workers. The job never deletes it, and it may be copied to any other place.
Begin with it by millrace run <job file> --from <uri>: the same job, a changed one, or under another
application id.

All output up to the savepoint is committed when the command ends. It ends with 1, and the job goes
on, where no savepoint could be written: the job does not run, it began anew meanwhile, storage failed.

  --stop
        The job stops at the savepoint: nothing is processed behind it, and every copy ends with 0.
        Where something starts copies again by itself, have it stop that first, or right after.
  --to <uri>
        The folder to write to: file: or s3://bucket/prefix, reached by the job with the S3 options that
        it has. By default <checkpoints>/<app id>/savepoints/<number>-e<epoch>.
  --json
        Write JSON on a terminal too.
`

const CANCEL_HELP = `Usage: millrace cancel <app id> [options]

Stops all copies of a running job for good: a final checkpoint, all output committed, and every copy
ends with 0. SIGTERM stops one copy, and the others take over its work; this stops the job.
retain-on-cancel, an option of the job, says what becomes of its checkpoints: kept, and a later start
goes on from there; or deleted, and a later start begins anew. Savepoints are kept.

  --json
        Write JSON on a terminal too.
`

function planFlagsText(columns: number): string {
  return PLAN_FLAG_NAMES.map((name) => {
    const { type, description } = planFlag(name)
    const lines = wrap(description, columns - INDENT.length)
    return `  --${name} <${type.placeholder}>\n${lines.map((line) => `${INDENT}${line}\n`).join('')}`
  }).join('')
}

function optionsText(keys: readonly OptionKey[], columns: number): string {
  const groups = Object.keys(OPTION_GROUPS) as OptionGroup[]
  return groups
    .map((group) => ({ group, options: keys.map(optionOf).filter((option) => option.group === group) }))
    .filter(({ options }) => options.length > 0)
    .map(({ group, options }) => `\n${OPTION_GROUPS[group]}:\n${options.map((option) => optionText(option, columns)).join('')}`)
    .join('')
}

function optionText(option: Option, columns: number): string {
  const { name, type, description } = option
  const flag = type.kind === 'boolean' ? `--[no-]${name}` : `--${name} <${type.placeholder}>`
  const facts = `${defaultLabel(option)} · ${environmentName(name)}`
  const accepts = type.isPlain ? [] : [`Takes ${type.accepts}.`]
  const lines = [[description, ...accepts].join(' '), facts].flatMap((text) => wrap(text, columns - INDENT.length))
  return `  ${flag}\n${lines.map((line) => `${INDENT}${line}\n`).join('')}`
}

/** `required`, `default: 10s` or, where it may stay unset, `optional`. */
export function defaultLabel({ required, default: value, defaultText, type }: Option): string {
  if (defaultText !== undefined) return `default: ${defaultText}`
  if (required) return 'required'
  return value === undefined || value === null ? 'optional' : `default: ${type.format(value)}`
}

/** Without the backticks, which are for the docs. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.replaceAll('`', '').split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
