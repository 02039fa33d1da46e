/**
 * State keys: state id · key · namespace as one binary string whose byte order is the order of its parts.
 *
 *     2 bytes   state id, big endian
 *     n bytes   key, each 0x00 written as 0x00 0xff
 *     2 bytes   0x00 0x01: end of key
 *     m bytes   namespace (a window, a map's key); empty for a plain value
 *
 * The escape keeps `a` before `a\0` and both before `ab`, and makes the end of the key unambiguous, so that all entries
 * of one key stand together and a prefix finds them.
 */
const KEY_END = '\x00\x01'

/** Of a map's entry behind the state id: all entries of one key begin with this. */
export function mapPrefix(key: string): string {
  return escapeKey(key) + KEY_END
}

export function statePrefix(stateId: number): string {
  return String.fromCharCode(stateId >> 8, stateId & 0xff)
}

/** @param prefix of `statePrefix` */
export function stateKey(prefix: string, key: string): string {
  return prefix + escapeKey(key) + KEY_END
}

export function escapeKey(key: string): string {
  return key.includes('\x00') ? key.replaceAll('\x00', '\x00\xff') : key
}

/** Of a state key. */
export function stateIdOf(stateKeyBytes: string): number {
  return (stateKeyBytes.charCodeAt(0) << 8) | stateKeyBytes.charCodeAt(1)
}

/** Splits a state key again. */
export function parseStateKey(stateKeyBytes: string): { stateId: number; key: string; namespace: string } {
  const stateId = stateIdOf(stateKeyBytes)
  const end = stateKeyBytes.indexOf(KEY_END, 2)
  const key = stateKeyBytes.slice(2, end).replaceAll('\x00\xff', '\x00')
  return { stateId, key, namespace: stateKeyBytes.slice(end + 2) }
}
