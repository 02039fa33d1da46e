/** Fields of log lines as people read them. The unit stands in the field's name: `durationMs`, `segmentBytes`, `bytes`. */
import { toError } from '../common/errors.ts'

export type LogFields = Readonly<Record<string, unknown>>

/** `durationMs: 1234` → `duration=1.23s`; `bytes: 1048576` → `bytes=1.0MiB`; text with spaces is quoted. */
export function readableField(name: string, value: unknown): string {
  return `${name.replace(/(?<=.)(Ms|Bytes)$/, '')}=${readableValue(name, value)}`
}

export function readableValue(name: string, value: unknown): string {
  if (typeof value === 'number') {
    if (name.endsWith('AtMs')) return Number.isFinite(value) ? new Date(value).toISOString() : String(value)
    if (name.endsWith('Ms')) return roundedDuration(value)
    if (name === 'bytes' || name.endsWith('Bytes')) return roundedBytes(value)
    return String(value)
  }
  if (value instanceof Error) return quoted(value.message)
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'object' && value !== null) return safeJson(value)
  return String(value)
}

/** Three significant digits are enough to read: `740ms`, `1.23s`, `4m10s`. */
export function roundedDuration(ms: number): string {
  if (!Number.isFinite(ms)) return String(ms)
  if (ms < 0) return `-${roundedDuration(-ms)}`
  if (ms < 10 && !Number.isInteger(ms)) return `${ms.toFixed(2)}ms`
  if (ms < 999.5) return `${Math.round(ms)}ms`
  if (ms < 9_995) return `${(ms / 1_000).toFixed(2)}s`
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)}s`
  const seconds = Math.round(ms / 1_000)
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m${seconds % 60}s`
  const minutes = Math.round(seconds / 60)
  return `${Math.floor(minutes / 60)}h${minutes % 60}m`
}

/** `512B`, `1.5MiB`. */
export function roundedBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return String(bytes)
  let value = bytes
  let unit = 'B'
  for (const larger of ['KiB', 'MiB', 'GiB', 'TiB']) {
    if (Math.abs(value) < 1024) break
    value /= 1024
    unit = larger
  }
  return unit === 'B' ? `${value}B` : `${value.toFixed(value < 100 ? 1 : 0)}${unit}`
}

/** JSON that never throws: a log line must not fail what it reports. */
export function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value, jsonValue) ?? 'null'
  } catch (error) {
    return JSON.stringify({ unprintable: toError(error).message })
  }
}

function jsonValue(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Map) return Object.fromEntries(value)
  if (value instanceof Set) return [...value]
  if (value instanceof Error) return describeError(value)
  return value
}

/** An error as a JSON object, with its causes. The stack stands only where the error is not one for users. */
export function describeError(error: Error): Record<string, unknown> {
  const { code, remedy, dataEffect, details, cause } = error as Error & Record<string, unknown>
  const isForUsers = typeof remedy === 'string'
  return {
    name: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    ...(isForUsers ? { dataEffect, remedy } : {}),
    ...(details === undefined || Object.keys(details as object).length === 0 ? {} : { details }),
    ...(isForUsers || error.stack === undefined ? {} : { stack: error.stack }),
    ...(cause === undefined ? {} : { cause: cause instanceof Error ? describeError(cause) : String(cause) }),
  }
}

function quoted(text: string): string {
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text)
}
