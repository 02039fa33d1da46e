/**
 * Whether fields of an object can be written apart from it: MessagePack keeps references (a value twice in an object is one
 * value again, and may hold itself), which ends where something reaches back to the object itself.
 */

/** What is larger is not looked through. It ends the walk in circles as well. */
const MAX_STEPS = 1000

let steps = 0

/** False also where that isn't easily seen. Everything of the fields that is looked at is plain data: nothing else runs. */
export function standsAlone(fields: readonly unknown[], root: object): boolean {
  steps = 0
  return fields.every((field) => isAlone(field, root))
}

function isAlone(value: unknown, root: object): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function' && typeof value !== 'symbol'
  if (value === root || ++steps > MAX_STEPS) return false
  const prototype = Object.getPrototypeOf(value)
  if (prototype === Object.prototype) {
    for (const key in value) if (!isAlone((value as Record<string, unknown>)[key], root)) return false
    return true
  }
  if (prototype === Array.prototype) {
    const items = value as readonly unknown[]
    if (items.length > MAX_STEPS) return false
    for (let i = 0; i < items.length; i++) if (!isAlone(items[i], root)) return false
    return true
  }
  return prototype === Date.prototype || prototype === Uint8Array.prototype || prototype === Buffer.prototype
}
