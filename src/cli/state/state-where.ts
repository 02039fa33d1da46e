/** What `millrace state` is to look at: `<app>`, `<app>@<checkpoint>`, or the URI of a checkpoint or savepoint. */
import type { Flag, OptionLayer } from '../../config/layers.ts'
import { layerOfFlags } from '../../config/layers.ts'
import { storageUri } from '../../config/option-types.ts'
import { resolveConfig } from '../../config/resolve.ts'
import { openJobCheckpoint, openSnapshot, placeOf } from '../../inspect/open-snapshot.ts'
import type { Snapshot } from '../../inspect/snapshot.ts'
import { type CliEnvironment, STORAGE_OPTION_KEYS, type StorageConfig } from '../cli-environment.ts'
import { applicationIdOf, usageError } from '../command-line.ts'

export interface Where {
  readonly text: string
  readonly environment: CliEnvironment
  /** The strongest first. */
  readonly layers: readonly OptionLayer[]
  /** Of --checkpoint. */
  readonly checkpoint: string | undefined
}

/**
 * Its storage is the caller's to close.
 *
 * @throws MR_CLI_USAGE, MR_CLI_NO_CHECKPOINT, MR_CONFIG_…, MR_CHECKPOINT_…, MR_SAVEPOINT_…, MR_STORAGE_…
 */
export async function openWhere({ text, environment, layers, checkpoint }: Where): Promise<Snapshot> {
  if (/^(file|s3):/.test(text)) {
    if (checkpoint !== undefined)
      throw usageError(`--checkpoint is for an application id; ${text} is one checkpoint or savepoint`)
    const place = placeOf(uriOf(text))
    const storage = await environment.openStorage(storageConfig(layers, place.root))
    return orClose(storage, openSnapshot(storage, place.path))
  }
  if (/^\w+:\/\//.test(text)) throw placeError(text)
  if (/[/\\]/.test(text)) throw usageError(`${text} is no application id; a folder is written as file:${text}`)
  const [name = '', number = checkpoint, ...rest] = text.split('@')
  if (rest.length > 0 || (number !== undefined && !/^\d+$/.test(number))) {
    throw usageError(`${number} is not the number of a checkpoint`)
  }
  const applicationId = applicationIdOf(name)
  const storage = await environment.openStorage(storageConfig(layers))
  return orClose(
    storage,
    openJobCheckpoint(storage, { applicationId, checkpoint: number === undefined ? undefined : Number(number) }),
  )
}

/** For a place of its own, reached as the checkpoints are. @param uri absolute */
export function storageConfig(layers: readonly OptionLayer[], uri?: string): StorageConfig {
  const own: Flag[] = uri === undefined ? [] : [{ name: 'checkpoints', value: uri }]
  return resolveConfig([layerOfFlags(own), ...layers], STORAGE_OPTION_KEYS).config
}

export function uriOf(text: string): string {
  const uri = storageUri.parse(text)
  if (uri === undefined) throw placeError(text)
  return uri.replace(/\/+$/, '')
}

function placeError(text: string) {
  return usageError(`${text} is no place; expected ${storageUri.accepts.replaceAll('`', '')}`)
}

async function orClose<T>(storage: { close(): Promise<void> }, opening: Promise<T>): Promise<T> {
  try {
    return await opening
  } catch (error) {
    await storage.close()
    throw error
  }
}
