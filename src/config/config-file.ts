/** Finds and reads the config file: JSON, or a TypeScript or JavaScript module with a default export. */
import { access, readFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MillraceError, toError } from '../common/errors.ts'
import { layerOfFile, type OptionLayer } from './layers.ts'

const DEFAULT_NAMES = ['millrace.config.ts', 'millrace.config.json'] as const

/**
 * The layer of the file at `path`; without a path, of the default file in `directory`, where there is one. Throws
 * MR_CONFIG_FILE_UNREADABLE, MR_CONFIG_UNKNOWN_OPTION.
 */
export async function layerOfConfigFile(directory: string, path?: string): Promise<OptionLayer> {
  if (path !== undefined) return readLayer(resolve(directory, path), path)
  const present = []
  for (const name of DEFAULT_NAMES) if (await exists(join(directory, name))) present.push(name)
  const [name, second] = present
  if (second !== undefined) {
    throw unreadable(`both ${name} and ${second} exist in ${directory}`, 'Delete one of them, or choose one with --config.')
  }
  return name === undefined ? new Map() : readLayer(join(directory, name), name)
}

async function readLayer(absolutePath: string, shownPath: string): Promise<OptionLayer> {
  const entries = absolutePath.endsWith('.json')
    ? await readJson(absolutePath, shownPath)
    : await importModule(absolutePath, shownPath)
  if (typeof entries !== 'object' || entries === null || Array.isArray(entries)) {
    throw unreadable(`${shownPath} holds no object of options`)
  }
  return layerOfFile(basename(shownPath), entries as Record<string, unknown>)
}

async function readJson(absolutePath: string, shownPath: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(absolutePath, 'utf8'))
  } catch (error) {
    throw unreadable(`${shownPath}: ${toError(error).message}`, undefined, error)
  }
}

async function importModule(absolutePath: string, shownPath: string): Promise<unknown> {
  if (!(await exists(absolutePath))) throw unreadable(`${shownPath} does not exist`)
  try {
    const module = (await import(pathToFileURL(absolutePath).href)) as { default?: unknown }
    return module.default
  } catch (error) {
    throw unreadable(`${shownPath}: ${toError(error).message}`, undefined, error)
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function unreadable(message: string, remedy?: string, cause?: unknown): MillraceError {
  return new MillraceError('MR_CONFIG_FILE_UNREADABLE', message, {
    ...(remedy === undefined ? {} : { remedy }),
    ...(cause === undefined ? {} : { cause }),
  })
}
