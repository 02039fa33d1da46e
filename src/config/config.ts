/** The types of the configuration, derived from the table of options, and the names by which options are found. */
import type { CamelCase, Option } from './option.ts'
import { camelCase, environmentName } from './option.ts'
import { OPTIONS } from './options.ts'
import type { Secret } from './secret.ts'

type Options = typeof OPTIONS

/** The name of an option in the program: `checkpointIntervalMs`. */
export type OptionKey = keyof Options

/** Every option, resolved and checked. */
export type Config = {
  readonly [K in OptionKey]: Options[K] extends Option<infer T, string> ? T : never
}

/** What a config file or a job may say: `{ checkpointInterval: '10s' }`. Plain numbers are milliseconds and bytes. */
export type MillraceConfig = {
  readonly [K in OptionKey as K extends 'config' ? never : CamelCase<Options[K]['name']>]?: InputOf<Config[K]>
}

type InputOf<T> = T extends number
  ? number | string
  : T extends boolean
    ? boolean
    : T extends Secret
      ? string | Secret
      : T extends readonly string[]
        ? readonly string[] | string
        : T extends string
          ? T
          : never

export const OPTION_KEYS = Object.keys(OPTIONS) as readonly OptionKey[]

export function optionOf(key: OptionKey): Option<unknown, string> {
  return OPTIONS[key] as Option<unknown, string>
}

const KEY_BY_FLAG = new Map(OPTION_KEYS.map((key) => [OPTIONS[key].name as string, key]))
const KEY_BY_ENVIRONMENT_NAME = new Map(OPTION_KEYS.map((key) => [environmentName(OPTIONS[key].name), key]))
const KEY_BY_CAMEL_CASE = new Map(OPTION_KEYS.map((key) => [camelCase(OPTIONS[key].name), key]))

/** By its name, `checkpoint-interval`. */
export function keyOfFlag(name: string): OptionKey | undefined {
  return KEY_BY_FLAG.get(name)
}

export function keyOfEnvironmentName(name: string): OptionKey | undefined {
  return KEY_BY_ENVIRONMENT_NAME.get(name)
}

/** By `checkpoint-interval` or `checkpointInterval`. */
export function keyOfFileEntry(name: string): OptionKey | undefined {
  return KEY_BY_CAMEL_CASE.get(name) ?? KEY_BY_FLAG.get(name)
}
