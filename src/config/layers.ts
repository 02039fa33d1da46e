/**
 * The sources of options, each turned into the same thing: a layer of raw values by option, each with the place it was
 * read from. Unknown names are refused here, where the source is known; values are checked by resolve.ts.
 */
import { MillraceError } from '../common/errors.ts'
import { keyOfEnvironmentName, keyOfFileEntry, keyOfFlag, OPTION_KEYS, type OptionKey, optionOf } from './config.ts'
import { nearestName } from './nearest-name.ts'
import { camelCase, environmentName } from './option.ts'
import type { Origin } from './resolved.ts'

export interface RawOption {
  readonly raw: unknown
  readonly origin: Origin
}

export type OptionLayer = ReadonlyMap<OptionKey, RawOption>

/** One flag as the command line gave it, without its dashes. */
export interface Flag {
  readonly name: string
  readonly value: string | boolean
}

/** Of a flag that is given twice the last counts; lists are joined. `otherNames`: flags that are no options, for proposals. */
export function layerOfFlags(flags: readonly Flag[], otherNames: readonly string[] = []): OptionLayer {
  const layer = new Map<OptionKey, RawOption>()
  for (const { name, value } of flags) {
    const key = keyOfFlag(name)
    if (key === undefined) {
      throw unknownOption(`--${name}`, 'on the command line', nearestName(name, [...flagNames(), ...otherNames]), '--')
    }
    const before = layer.get(key)?.raw
    const joined = optionOf(key).type.kind === 'list' && before !== undefined ? `${before},${value}` : value
    layer.set(key, { raw: joined, origin: { kind: 'flag', place: `--${name}` } })
  }
  return layer
}

/** Variables that Kubernetes sets in every pod for a service called `millrace` or `millrace-…`; they are none of ours. */
const KUBERNETES_SERVICE_LINK = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/

export function layerOfEnvironment(environment: Readonly<Record<string, string | undefined>>): OptionLayer {
  const layer = new Map<OptionKey, RawOption>()
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('MILLRACE_') || value === undefined) continue
    const key = keyOfEnvironmentName(name)
    if (key !== undefined) layer.set(key, { raw: value, origin: { kind: 'environment', place: name } })
    else if (!KUBERNETES_SERVICE_LINK.test(name)) {
      const names = OPTION_KEYS.map((key) => environmentName(optionOf(key).name))
      throw unknownOption(name, 'in the environment', nearestName(name, names))
    }
  }
  return layer
}

/** The entries of a config file. `file`: its path, for messages. */
export function layerOfFile(file: string, entries: Readonly<Record<string, unknown>>): OptionLayer {
  return layerOfEntries(entries, 'file', file)
}

/** The options that the job itself gives. */
export function layerOfJob(entries: Readonly<Record<string, unknown>>): OptionLayer {
  return layerOfEntries(entries, 'job', 'the options of the job')
}

function layerOfEntries(entries: Readonly<Record<string, unknown>>, kind: 'file' | 'job', where: string): OptionLayer {
  const layer = new Map<OptionKey, RawOption>()
  for (const [name, raw] of Object.entries(entries)) {
    const key = keyOfFileEntry(name)
    if (key === undefined || key === 'config') {
      const names = OPTION_KEYS.map((key) => camelCase(optionOf(key).name)).filter((name) => name !== 'config')
      throw unknownOption(name, `in ${where}`, nearestName(camelCase(name), names))
    }
    if (layer.has(key)) {
      throw new MillraceError('MR_CONFIG_INVALID_VALUE', `${optionOf(key).name} stands twice in ${where}`, {
        remedy: 'Keep one of the two spellings.',
        details: { option: optionOf(key).name },
      })
    }
    if (raw !== undefined) layer.set(key, { raw, origin: { kind, place: `${name} in ${where}` } })
  }
  return layer
}

function flagNames(): string[] {
  return OPTION_KEYS.map((key) => optionOf(key).name)
}

function unknownOption(name: string, where: string, nearest: string | undefined, prefix = ''): MillraceError {
  const proposal = nearest === undefined ? '' : `; did you mean ${prefix}${nearest}?`
  return new MillraceError('MR_CONFIG_UNKNOWN_OPTION', `unknown option ${name} ${where}${proposal}`, {
    details: { option: name, ...(nearest === undefined ? {} : { nearest: `${prefix}${nearest}` }) },
  })
}
