/**
 * The types an option can have. A type reads what any source gives (text from flags and the environment; JSON values
 * from files and jobs), and says what it accepts in words that stand behind "expected": errors, --help and the docs use
 * the same words.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Secret } from './secret.ts'
import { formatBytes, formatDurationMs, parseBytes, parseDurationMs } from './units.ts'

export interface OptionType<T> {
  readonly kind: 'string' | 'integer' | 'boolean' | 'duration' | 'bytes' | 'enum' | 'list' | 'uri' | 'secret'
  /** For --help: `<duration>`. */
  readonly placeholder: string
  /** For errors and docs, range included: `a duration from 100ms to 1h`. */
  readonly accepts: string
  /** The placeholder says all there is to say: --help and the docs leave `accepts` out. */
  readonly isPlain?: boolean
  /** Undefined: not a value of this type, or out of its range. */
  parse(raw: unknown): T | undefined
  /** As people write it: `parse(format(value))` gives the value again, but for secrets. */
  format(value: T): string
}

export interface Range {
  readonly min: number
  readonly max: number
  /** A word that stands for 0 and says what 0 means here: `auto`, `off`. 0 is then accepted even below `min`. */
  readonly zeroWord?: string
}

export function integer(range: Range): OptionType<number> {
  return quantity('integer', 'number', 'an integer', range, parseInteger, String)
}

/** In the program: milliseconds. */
export function duration(range: Range): OptionType<number> {
  return quantity('duration', 'duration', 'a duration', range, parseDurationMs, formatDurationMs)
}

/** In the program: bytes. */
export function bytes(range: Range): OptionType<number> {
  return quantity('bytes', 'size', 'a size', range, parseBytes, formatBytes)
}

export const boolean: OptionType<boolean> = {
  kind: 'boolean',
  placeholder: '',
  accepts: '`true` or `false`',
  isPlain: true,
  parse(raw) {
    if (raw === true || raw === 'true' || raw === '1') return true
    return raw === false || raw === 'false' || raw === '0' ? false : undefined
  },
  format: String,
}

/** Text that is not empty; `form` narrows it further. */
export function string(form?: { readonly pattern: RegExp; readonly accepts: string }): OptionType<string> {
  return {
    kind: 'string',
    placeholder: 'text',
    accepts: form?.accepts ?? 'text that is not empty',
    isPlain: form === undefined,
    parse: (raw) => (typeof raw === 'string' && raw !== '' && (form?.pattern.test(raw) ?? true) ? raw : undefined),
    format: (value) => value,
  }
}

/** The path of a file or folder. */
export const path: OptionType<string> = { ...string(), placeholder: 'path', accepts: 'a path' }

export function oneOf<const V extends string>(...values: readonly V[]): OptionType<V> {
  return {
    kind: 'enum',
    placeholder: values.join('|'),
    accepts: `one of ${values.map((value) => `\`${value}\``).join(', ')}`,
    parse: (raw) => values.find((value) => value === raw),
    format: (value) => value,
  }
}

/** Separated by commas in text; an array in files. At least one item, each of the form given. */
export function list(item: { readonly pattern: RegExp; readonly accepts: string }): OptionType<readonly string[]> {
  return {
    kind: 'list',
    placeholder: 'a,b,…',
    accepts: `${item.accepts}, separated by commas`,
    parse(raw) {
      const items = typeof raw === 'string' ? raw.split(',').map((text) => text.trim()) : raw
      if (!Array.isArray(items) || items.length === 0) return undefined
      return items.every((text) => typeof text === 'string' && item.pattern.test(text)) ? (items as string[]) : undefined
    },
    format: (value) => value.join(','),
  }
}

/**
 * Where checkpoints lie: a folder or an S3 prefix. A folder becomes an absolute `file:///` URI here, because `new URL`
 * would read `file:./checkpoints` as `/checkpoints`.
 */
export const storageUri: OptionType<string> = {
  kind: 'uri',
  placeholder: 'uri',
  accepts: '`file:` and a folder, or `s3://bucket/prefix`',
  parse(raw) {
    if (typeof raw !== 'string') return undefined
    if (/^s3:\/\/[^/]+(\/|$)/.test(raw)) return raw
    if (!raw.startsWith('file:') || raw === 'file:') return undefined
    if (!raw.startsWith('file://')) return pathToFileURL(resolve(raw.slice('file:'.length))).href
    return raw.startsWith('file:///') && URL.canParse(raw) ? raw : undefined
  },
  format: (value) => value,
}

/** The address of a web service. */
export const httpUrl: OptionType<string> = {
  kind: 'uri',
  placeholder: 'url',
  accepts: 'an address that begins with `http://` or `https://`',
  parse: (raw) => (typeof raw === 'string' && /^https?:\/\/./.test(raw) && URL.canParse(raw) ? raw : undefined),
  format: (value) => value,
}

export const secret: OptionType<Secret> = {
  kind: 'secret',
  placeholder: 'secret',
  accepts: 'text that is not empty; it is never printed',
  isPlain: true,
  parse: (raw) => (raw instanceof Secret ? raw : typeof raw === 'string' && raw !== '' ? new Secret(raw) : undefined),
  format: String,
}

function quantity(
  kind: 'integer' | 'duration' | 'bytes',
  placeholder: string,
  noun: string,
  { min, max, zeroWord }: Range,
  parse: (raw: unknown) => number | undefined,
  format: (value: number) => string,
): OptionType<number> {
  const range = `${noun} from ${format(min)} to ${format(max)}`
  return {
    kind,
    placeholder: zeroWord === undefined ? placeholder : `${placeholder}|${zeroWord}`,
    accepts: zeroWord === undefined ? range : `${range}, or \`${zeroWord}\``,
    parse(raw) {
      if (zeroWord !== undefined && raw === zeroWord) return 0
      const value = parse(raw)
      if (value === undefined) return undefined
      if (value === 0 && zeroWord !== undefined) return 0
      return value >= min && value <= max ? value : undefined
    },
    format: (value) => (value === 0 && zeroWord !== undefined ? zeroWord : format(value)),
  }
}

function parseInteger(raw: unknown): number | undefined {
  const value = typeof raw === 'string' && /^-?\d+$/.test(raw.trim()) ? Number(raw) : raw
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined
}
