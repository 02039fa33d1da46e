/**
 * Writes the values of an exchange's frames (row-format.ts). Keys of objects are told apart by walking them along the shape
 * that came next the last time: names of properties are unique strings, so comparing them compares pointers.
 */
import type { ByteWriter } from '../common/byte-writer.ts'
import { messagePack } from './codecs.ts'
import {
  ELSEWHERE,
  FALSE,
  FLOAT64,
  INT32,
  LATIN1,
  MAX_DEFINITION_BYTES,
  MAX_FIELDS,
  MAX_SHAPES,
  MAX_TEXT_CHARS,
  NULL,
  SHORT_TEXT_CHARS,
  SMALL,
  SPECIAL_KEYS,
  TRUE,
  UINT8,
  UINT16,
  UNDEFINED,
  UTF16,
  WHOLE,
} from './row-format.ts'
import { standsAlone } from './stands-alone.ts'

interface Shape {
  readonly keys: readonly string[]
  readonly definition: Buffer
  /** In the frame that is being written; 0: it has none there yet. */
  number: number
  /** What came behind it the last time. */
  next: Shape
}

type Row = Readonly<Record<string, unknown>>

const WRITTEN = 0
const OTHER_KEYS = 1
const NO_ROW = 2

/** Of a field besides the chars of its text, with room to spare. */
const FIELD_BYTES = 9
/** Below it a loop over the chars is quicker than the call into native code (docs/design/0002). */
const NATIVE_FROM_CHARS = 25
/** So many objects of unknown shapes, while the table of shapes is full, and it begins anew: the data has changed. */
const MISSES_TO_FORGET = 1024

export class RowEncoder {
  #shapes: Shape[] = []
  #misses = 0
  #last: Shape = shapeOf([], Buffer.alloc(0))
  /** Of this frame. */
  readonly #used: Shape[] = []
  readonly #elsewhere: unknown[] = []

  /** Before the first value of each frame. */
  begin(): void {
    for (const shape of this.#used) shape.number = 0
    this.#used.length = 0
  }

  encode(value: unknown, out: ByteWriter): void {
    const start = out.position
    if (isPlain(value)) {
      try {
        if (this.#encodeRow(value, out)) return
      } finally {
        this.#elsewhere.length = 0
      }
      out.position = start
    }
    out.reserve(1)
    out.buffer[start] = WHOLE
    out.position = start + 1
    messagePack.encode(value, out)
  }

  #encodeRow(value: Row, out: ByteWriter): boolean {
    const start = out.position
    const expected = this.#last.next
    let result = this.#write(expected, value, out)
    if (result === WRITTEN) {
      this.#last = expected
      return true
    }
    if (result === NO_ROW) return false
    const shape = this.#find(Object.keys(value))
    if (shape === undefined) return false
    out.position = start
    this.#elsewhere.length = 0
    result = this.#write(shape, value, out)
    if (result !== WRITTEN) return false
    this.#last.next = shape
    this.#last = shape
    return true
  }

  #write(shape: Shape, value: Row, out: ByteWriter): number {
    const { keys } = shape
    const count = keys.length
    const isNew = shape.number === 0
    let p = out.position
    if (isNew) {
      if (this.#used.length === MAX_SHAPES) return OTHER_KEYS
      p = this.#define(shape, out)
    } else {
      out.reserve(1)
      out.buffer[p++] = shape.number
    }
    const fieldsBytes = FIELD_BYTES * (count + 1)
    out.position = p
    out.reserve(fieldsBytes)
    let { buffer } = out
    let i = 0
    for (const key in value) {
      if (i === count || key !== keys[i]) return OTHER_KEYS
      i++
      const field = value[key]
      if (typeof field === 'string') {
        const chars = field.length
        if (chars > MAX_TEXT_CHARS) {
          this.#elsewhere.push(field)
          buffer[p++] = ELSEWHERE
          continue
        }
        if (p + 2 * chars + fieldsBytes > buffer.length) {
          out.position = p
          out.reserve(2 * chars + fieldsBytes)
          buffer = out.buffer
        }
        p = writeText(buffer, p, field)
      } else if (typeof field === 'number') {
        p = writeNumber(buffer, p, field)
      } else if (typeof field === 'boolean') {
        buffer[p++] = field ? TRUE : FALSE
      } else if (field === null) {
        buffer[p++] = NULL
      } else if (field === undefined) {
        buffer[p++] = UNDEFINED
      } else if (typeof field === 'object' || typeof field === 'bigint') {
        this.#elsewhere.push(field)
        buffer[p++] = ELSEWHERE
      } else {
        return NO_ROW
      }
    }
    if (i !== count) return OTHER_KEYS
    out.position = p
    if (this.#elsewhere.length > 0) {
      if (!standsAlone(this.#elsewhere, value)) return NO_ROW
      messagePack.encode(this.#elsewhere, out)
    }
    // Not before: what threw on the way has left nothing in the frame.
    if (isNew) shape.number = this.#used.push(shape)
    return WRITTEN
  }

  #define({ definition }: Shape, out: ByteWriter): number {
    const at = out.reserve(3 + definition.length)
    const { buffer } = out
    buffer[at] = this.#used.length + 1
    buffer.writeUInt16BE(definition.length, at + 1)
    buffer.set(definition, at + 3)
    return at + 3 + definition.length
  }

  /** Undefined: objects with these keys are written whole. */
  #find(keys: readonly string[]): Shape | undefined {
    for (const shape of this.#shapes) if (isSame(shape.keys, keys)) return shape
    if (this.#shapes.length === MAX_SHAPES) {
      if (++this.#misses < MISSES_TO_FORGET) return undefined
      this.#misses = 0
      this.#shapes = []
    }
    const definition = defineShape(keys)
    if (definition === undefined) return undefined
    const shape = shapeOf(keys, definition)
    this.#shapes.push(shape)
    return shape
  }
}

function shapeOf(keys: readonly string[], definition: Buffer): Shape {
  const shape = { keys, definition, number: 0 } as { -readonly [Key in keyof Shape]: Shape[Key] }
  shape.next = shape
  return shape
}

function isPlain(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function isSame(left: readonly string[], right: readonly string[]): boolean {
  const { length } = left
  if (length !== right.length) return false
  for (let i = 0; i < length; i++) if (left[i] !== right[i]) return false
  return true
}

function defineShape(keys: readonly string[]): Buffer | undefined {
  if (keys.length > MAX_FIELDS) return undefined
  let bytes = 0
  for (const key of keys) {
    if (SPECIAL_KEYS.has(key)) return undefined
    bytes += 3 + 2 * key.length
  }
  if (bytes > MAX_DEFINITION_BYTES) return undefined
  const definition = Buffer.alloc(bytes)
  let p = 0
  for (const key of keys) p = writeText(definition, p, key)
  return definition.subarray(0, p)
}

/** Up to 3 bytes, and 2 a char. */
function writeText(buffer: Buffer, at: number, text: string): number {
  const chars = text.length
  let allBits = 0
  if (chars < NATIVE_FROM_CHARS) {
    for (let i = 0; i < chars; i++) {
      const char = text.charCodeAt(i)
      buffer[at + 1 + i] = char
      allBits |= char
    }
    if (allBits > 0xff) return writeUtf16(buffer, at, text)
    buffer[at] = chars
    return at + 1 + chars
  }
  for (let i = 0; i < chars; i++) allBits |= text.charCodeAt(i)
  if (allBits > 0xff) return writeUtf16(buffer, at, text)
  let p = at
  if (chars <= SHORT_TEXT_CHARS) buffer[p++] = chars
  else {
    buffer[p] = LATIN1
    p = buffer.writeUInt16BE(chars, p + 1)
  }
  return p + buffer.write(text, p, 'latin1')
}

function writeUtf16(buffer: Buffer, at: number, text: string): number {
  buffer[at] = UTF16
  const p = buffer.writeUInt16BE(2 * text.length, at + 1)
  return p + buffer.write(text, p, 'utf16le')
}

function writeNumber(buffer: Buffer, at: number, value: number): number {
  // -0 is no int32 here.
  if ((value | 0) !== value || (value === 0 && 1 / value < 0)) {
    buffer[at] = FLOAT64
    return buffer.writeDoubleBE(value, at + 1)
  }
  if (value >= 0) {
    if (value < 0x40) {
      buffer[at] = SMALL + value
      return at + 1
    }
    if (value <= 0xff) {
      buffer[at] = UINT8
      buffer[at + 1] = value
      return at + 2
    }
    if (value <= 0xffff) {
      buffer[at] = UINT16
      buffer[at + 1] = value >>> 8
      buffer[at + 2] = value
      return at + 3
    }
  }
  buffer[at] = INT32
  buffer[at + 1] = value >> 24
  buffer[at + 2] = value >> 16
  buffer[at + 3] = value >> 8
  buffer[at + 4] = value
  return at + 5
}
