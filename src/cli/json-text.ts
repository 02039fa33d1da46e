/**
 * State as JSON. What JSON has no form for is written as text: dates as ISO 8601, BigInts as their digits, NaN and the
 * infinities by name, bytes in base64. Sets become arrays, and maps arrays of pairs.
 */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, plainValue) ?? 'null'
}

function plainValue(this: unknown, name: string, converted: unknown): unknown {
  // Before its `toJSON`.
  const value = (this as Record<string, unknown>)[name]
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64')
  if (value instanceof Set || value instanceof Map) return [...value]
  return converted
}
