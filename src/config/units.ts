/** Durations and sizes as people write them: `500ms`, `10s`, `64MiB`. In the program: milliseconds and bytes. */

const MS_BY_UNIT = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const BYTES_BY_UNIT = {
  b: 1,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
} as const

/** Whole milliseconds; a plain number is taken as milliseconds. Undefined: not a duration. */
export function parseDurationMs(raw: unknown): number | undefined {
  return parseQuantity(raw, MS_BY_UNIT)
}

/** Whole bytes; a plain number is taken as bytes. KiB is 1024, kB is 1000. Undefined: not a size. */
export function parseBytes(raw: unknown): number | undefined {
  return parseQuantity(raw, BYTES_BY_UNIT)
}

/** Exact, in the largest unit that divides: `90s`, never `1.5m`. */
export function formatDurationMs(ms: number): string {
  if (ms === 0) return '0ms'
  for (const unit of ['d', 'h', 'm', 's'] as const) if (ms % MS_BY_UNIT[unit] === 0) return `${ms / MS_BY_UNIT[unit]}${unit}`
  return `${ms}ms`
}

/** Exact, in the largest binary unit that divides: `64MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes === 0) return '0B'
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB'] as const) {
    const size = BYTES_BY_UNIT[unit.toLowerCase() as 'tib' | 'gib' | 'mib' | 'kib']
    if (bytes % size === 0) return `${bytes / size}${unit}`
  }
  return `${bytes}B`
}

function parseQuantity(raw: unknown, factors: Readonly<Record<string, number>>): number | undefined {
  if (typeof raw === 'number') return wholeNumber(raw)
  if (typeof raw !== 'string') return undefined
  const match = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(raw)
  if (match === null) return undefined
  const [, digits = '', unit = ''] = match
  const factor = unit === '' ? 1 : Object.hasOwn(factors, unit.toLowerCase()) ? factors[unit.toLowerCase()] : undefined
  return factor === undefined ? undefined : wholeNumber(Number(digits) * factor)
}

function wholeNumber(n: number): number | undefined {
  return Number.isSafeInteger(n) && n >= 0 ? n : undefined
}
