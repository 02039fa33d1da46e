/** `millrace checkpoints list|show [N]|history <app>|verify <app>|sweep <app>`. */
import type { CheckpointMetadata } from '../../checkpoint/metadata.ts'
import { MillraceError } from '../../common/errors.ts'
import { layerOfFlags, type OptionLayer } from '../../config/layers.ts'
import { loadLayers } from '../../config/load-layers.ts'
import { resolveConfig } from '../../config/resolve.ts'
import {
  CheckpointCatalogue,
  type CheckpointFile,
  type CheckpointSummary,
  summaryOf,
  type UnreadableCheckpoint,
} from '../../inspect/checkpoint-catalogue.ts'
import { roundedBytes, roundedDuration } from '../../service/log-fields.ts'
import { type CliEnvironment, STORAGE_OPTION_KEYS } from '../cli-environment.ts'
import { applicationIdOf, type CommandLine, SWITCHES, usageError } from '../command-line.ts'
import { factorText, liveText } from '../factor-text.ts'
import { uriOf } from '../state/state-where.ts'
import { tableText } from '../table.ts'
import { checkpointHistoryCommand } from './checkpoint-history-command.ts'
import { sweepStorage, verifySavepoint, verifyStorage } from './storage-check.ts'

/** Throws MR_CLI_USAGE, MR_CONFIG_…, MR_STORAGE_…, MR_CHECKPOINT_… */
export async function checkpointsCommand(commandLine: CommandLine, environment: CliEnvironment): Promise<void> {
  const { flags, operands, switches, values } = commandLine
  const { stdout } = environment
  const layers = await loadLayers({
    flags,
    otherFlags: SWITCHES,
    environment: environment.env,
    directory: environment.directory,
  })
  const [action, number, ...rest] = operands
  if (switches.has('deep') && action !== 'verify') throw usageError('--deep is for millrace checkpoints verify')
  if (switches.has('delete') && action !== 'sweep') throw usageError('--delete is for millrace checkpoints sweep')
  if (action === 'history') {
    await checkpointHistoryCommand({ ...commandLine, operands: operands.slice(1) }, environment)
    return
  }
  const savepoint = values.get('savepoint')
  if (savepoint !== undefined) {
    if (action !== 'verify' || number !== undefined) throw usageError('expected millrace checkpoints verify --savepoint <uri>')
    await checkSavepoint(layers, savepoint, environment, switches)
    return
  }
  if (action === 'verify' || action === 'sweep') {
    if (number === undefined || rest.length > 0) throw usageError(`expected millrace checkpoints ${action} <app id>`)
    const applicationId = applicationIdOf(number)
    const storage = await environment.openStorage(resolveConfig(layers, STORAGE_OPTION_KEYS).config)
    try {
      const act = action === 'verify' ? verifyStorage : sweepStorage
      await act(storage, applicationId, { stdout, switches, isJson: switches.has('json') || stdout.isTTY !== true })
    } finally {
      await storage.close()
    }
    return
  }
  if ((action !== 'list' && action !== 'show') || rest.length > 0 || (action === 'list' && number !== undefined)) {
    throw usageError('expected millrace checkpoints list, show [N], history <app id>, verify <app id> or sweep <app id>')
  }
  const { config } = resolveConfig(layers, STORAGE_OPTION_KEYS)
  const applicationId = layers.some((layer) => layer.has('appId')) ? resolveConfig(layers, ['appId']).config.appId : undefined
  const isJson = switches.has('json') || stdout.isTTY !== true

  const storage = await environment.openStorage(config)
  try {
    const catalogue = new CheckpointCatalogue(storage, applicationId)
    if (action === 'list') {
      const found: (CheckpointSummary | UnreadableCheckpoint)[] = []
      for await (const one of catalogue.list()) found.push(one)
      stdout.write(isJson ? `${JSON.stringify(found, null, 2)}\n` : listText(found, storage.uri))
    } else {
      const file = choose(await catalogue.files(), number, storage.uri)
      const metadata = await catalogue.read(file)
      stdout.write(isJson ? `${JSON.stringify(metadata, null, 2)}\n` : showText(summaryOf(file, metadata), metadata))
    }
  } finally {
    await storage.close()
  }
}

async function checkSavepoint(
  layers: readonly OptionLayer[],
  uri: string,
  { openStorage, stdout }: CliEnvironment,
  switches: CommandLine['switches'],
): Promise<void> {
  // In place of that of checkpoints, which need not be given.
  const own = layerOfFlags([{ name: 'checkpoints', value: uriOf(uri) }])
  const storage = await openStorage(resolveConfig([own, ...layers], STORAGE_OPTION_KEYS).config)
  try {
    await verifySavepoint(storage, { stdout, switches, isJson: switches.has('json') || stdout.isTTY !== true })
  } finally {
    await storage.close()
  }
}

/** The checkpoint of this number, or the newest. */
function choose(files: readonly CheckpointFile[], number: string | undefined, uri: string): CheckpointFile {
  if (number !== undefined && !/^\d+$/.test(number)) throw usageError(`${number} is not the number of a checkpoint`)
  const matching = number === undefined ? files : files.filter(({ checkpoint }) => checkpoint === Number(number))
  const jobs = [...new Set(matching.map(({ applicationId }) => applicationId))]
  if (jobs.length > 1)
    throw usageError(`several jobs have checkpoints in ${uri}: choose one of ${jobs.join(', ')} with --app-id`)
  const file = matching.at(-1)
  if (file !== undefined) return file
  const known = files.map(({ checkpoint }) => checkpoint).join(', ')
  const what = number === undefined ? 'there is no checkpoint' : `there is no checkpoint ${number}`
  throw new MillraceError('MR_CLI_NO_CHECKPOINT', `${what} in ${uri}${known === '' ? '' : `; there are ${known}`}`)
}

function listText(found: readonly (CheckpointSummary | UnreadableCheckpoint)[], uri: string): string {
  if (found.length === 0) return `no checkpoints in ${uri}\n`
  const rows = found.map((one) => [
    one.applicationId,
    String(one.checkpoint),
    String(one.epoch),
    ...('error' in one
      ? [one.error.code, '', '', '', '', '', '', '', '']
      : [
          one.kind,
          one.completedAt,
          roundedDuration(one.durationMs),
          roundedBytes(one.writtenBytes),
          roundedBytes(one.totalBytes),
          one.entries.toLocaleString('en'),
          roundedBytes(one.liveBytes),
          factorText(one.storageFactor),
          factorText(one.restoreFactor),
        ]),
    one.path,
  ])
  const right = 'right' as const
  return tableText(
    [
      { title: 'JOB' },
      { title: 'CHECKPOINT', align: right },
      { title: 'EPOCH', align: right },
      { title: 'KIND' },
      { title: 'COMPLETED' },
      { title: 'TOOK', align: right },
      { title: 'WRITTEN', align: right },
      { title: 'TOTAL', align: right },
      { title: 'ENTRIES', align: right },
      { title: 'LIVE', align: right },
      { title: 'STORED', align: right },
      { title: 'READ', align: right },
      { title: 'PATH' },
    ],
    rows,
  )
}

function showText(summary: CheckpointSummary, metadata: CheckpointMetadata): string {
  const facts = [
    ['job', metadata.applicationId],
    ['checkpoint', `${metadata.checkpoint}, ${metadata.kind}, of epoch ${metadata.epoch}`],
    ['builds on', metadata.parent === null ? 'nothing: it is the first' : `checkpoint ${metadata.parent.checkpoint}`],
    ['completed', `${metadata.completedAt}, ${roundedDuration(metadata.durationMs)} after it was triggered`],
    ['written', roundedBytes(metadata.writtenBytes)],
    [
      'total',
      `${roundedBytes(metadata.totalBytes)} in ${metadata.segments.length} segments, ${summary.entries.toLocaleString('en')} entries`,
    ],
    ['live', liveText(summary)],
    ['path', summary.path],
  ]
  const sections = [
    facts.map(([name = '', value = '']) => `${name.padEnd(12)}${value}\n`).join(''),
    section(
      [{ title: 'SOURCE' }, { title: 'PARTITION', align: 'right' }, { title: 'POSITION', align: 'right' }],
      Object.entries(metadata.sources).flatMap(([source, { positions }]) =>
        Object.entries(positions).map(([partition, position]) => [source, partition, String(position)]),
      ),
    ),
    section(
      [{ title: 'OPERATOR' }, { title: 'STATE' }, { title: 'CODEC' }],
      metadata.states.map(({ operator, name, codec, codecVersion }) => [operator, name, `${codec} v${codecVersion}`]),
    ),
    section(
      [
        { title: 'TASK' },
        { title: 'SLICES', align: 'right' },
        { title: 'BYTES', align: 'right' },
        { title: 'ENTRIES', align: 'right' },
      ],
      Object.entries(metadata.chains).map(([task, chain]) => [
        task,
        String(chain.length),
        roundedBytes(chain.reduce((bytes, link) => bytes + link.bytes, 0)),
        chain.reduce((entries, link) => entries + link.entries, 0).toLocaleString('en'),
      ]),
    ),
    section(
      [{ title: 'WORKER' }, { title: 'SINK' }, { title: 'PREPARED TRANSACTION' }],
      Object.entries(metadata.committables).flatMap(([worker, all]) =>
        all.map(({ participant, committable }) => [worker, participant, committable.id]),
      ),
    ),
  ]
  return sections.filter((text) => text !== '').join('\n')
}

function section(columns: Parameters<typeof tableText>[0], rows: string[][]): string {
  return rows.length === 0 ? '' : tableText(columns, rows)
}
