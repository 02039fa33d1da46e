/** A list as one value: each element behind its length. */
import type { ValueCodec } from '../ports/value-codec.ts'

/** Fixed, since room for it is made before the element is encoded. */
const LENGTH_BYTES = 4

export function listOf(element: ValueCodec<unknown>): ValueCodec<unknown> {
  return {
    name: `list<${element.name}>`,
    version: element.version,
    encode(list, out) {
      for (const one of list as readonly unknown[]) {
        const lengthAt = out.reserve(LENGTH_BYTES)
        out.position = lengthAt + LENGTH_BYTES
        element.encode(one, out)
        out.buffer.writeUInt32BE(out.position - lengthAt - LENGTH_BYTES, lengthAt)
      }
    },
    decode(buffer, start, end) {
      const list: unknown[] = []
      for (let at = start; at < end; ) {
        const from = at + LENGTH_BYTES
        at = from + buffer.readUInt32BE(at)
        list.push(element.decode(buffer, from, at))
      }
      return list
    },
  }
}
