/** Puts the layers together: of each option the value of the first layer that has it, checked, with where it came from. */
import { MillraceError } from '../common/errors.ts'
import { type Config, OPTION_KEYS, type OptionKey, optionOf } from './config.ts'
import { checkTogether } from './cross-checks.ts'
import type { OptionLayer, RawOption } from './layers.ts'
import { environmentName } from './option.ts'
import type { Origin, Resolved } from './resolved.ts'

const DEFAULT_ORIGIN: Origin = { kind: 'default', place: 'its default' }

/**
 * Resolves `keys` (all of them by default) from the layers, the strongest first: flags, environment, file, job.
 * Throws MR_CONFIG_MISSING_OPTION, MR_CONFIG_INVALID_VALUE, MR_CONFIG_CONFLICT, MR_CONFIG_TRANSACTION_TIMEOUT.
 */
export function resolveConfig(layers: readonly OptionLayer[]): Resolved
export function resolveConfig<K extends OptionKey>(layers: readonly OptionLayer[], keys: readonly K[]): Resolved<K>
export function resolveConfig(layers: readonly OptionLayer[], keys: readonly OptionKey[] = OPTION_KEYS): Resolved {
  const config: Record<string, unknown> = {}
  const origins: Record<string, Origin> = {}
  for (const key of keys) {
    const found = layers.find((layer) => layer.has(key))?.get(key)
    config[key] = found === undefined ? defaultOf(key) : checkedValue(key, found)
    origins[key] = found?.origin ?? DEFAULT_ORIGIN
  }
  const resolved = { config: config as Config, origins: origins as Record<OptionKey, Origin> }
  return checkTogether(resolved)
}

/** The resolved options as text, in the table's order, without secrets: for the log at the start. */
export function describeConfig(resolved: Resolved): { name: string; value: string; origin: Origin }[] {
  return OPTION_KEYS.filter((key) => resolved.config[key] !== undefined).map((key) => ({
    name: optionOf(key).name,
    value: optionOf(key).type.format(resolved.config[key] as never),
    origin: resolved.origins[key],
  }))
}

function checkedValue(key: OptionKey, { raw, origin }: RawOption): unknown {
  const { type, name } = optionOf(key)
  const value = type.parse(raw)
  if (value !== undefined) return value
  const shown = type.kind === 'secret' ? 'a value that is not shown' : JSON.stringify(raw)
  throw new MillraceError('MR_CONFIG_INVALID_VALUE', `${origin.place} is ${shown}; expected ${type.accepts}`, {
    details: { option: name, source: origin.kind, place: origin.place, expected: type.accepts },
  })
}

function defaultOf(key: OptionKey): unknown {
  const option = optionOf(key)
  if (!option.required) return option.default
  throw new MillraceError('MR_CONFIG_MISSING_OPTION', `${option.name} is not set; expected ${option.type.accepts}`, {
    remedy: `Set --${option.name}, ${environmentName(option.name)} or the config file's ${option.name}.`,
    details: { option: option.name, expected: option.type.accepts },
  })
}
