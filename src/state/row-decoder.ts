/** Reads the values of an exchange's frames (row-format.ts), each frame from its beginning. */
import { latin1Slice } from '../common/bytes.ts'
import { damagedFrame } from '../records/exchange-frame.ts'
import { messagePack } from './codecs.ts'
import { definitionRange, MAX_FIELDS, SPECIAL_KEYS, WHOLE } from './row-format.ts'
import { cursor, fastReader, type Row, type RowReader, readField, slowReader } from './row-reader.ts'

interface Shape {
  readonly keys: readonly string[]
  read: RowReader
  /** Read by a loop so far. */
  rows: number
}

/** So many rows are worth compiling a function. */
const ROWS_TO_COMPILE = 64
/** In the life of a decoder: objects with ever new keys must not fill the memory with code. */
const MAX_COMPILED = 256
/** Known at a time. */
const MAX_KNOWN = 512

export class RowDecoder {
  /** By the bytes of their definition. */
  readonly #known = new Map<string, Shape>()
  #compiled = 0
  /** Of this frame, in order. */
  readonly #shapes: Shape[] = []

  /** Before the first value of each frame. */
  begin(): void {
    this.#shapes.length = 0
  }

  /** Values are read in the order in which they were written. Throws MR_EXCHANGE_FRAME_DAMAGED. */
  decode(buffer: Buffer, start: number, end: number): unknown {
    if (start >= end) throw damagedFrame('records', 'a value has no bytes')
    const number = buffer[start]!
    if (number === WHOLE) return unpack(buffer, start + 1, end)
    const shapes = this.#shapes
    let p = start + 1
    if (number > shapes.length) {
      p = this.#define(number, buffer, p, end)
    }
    const shape = shapes[number - 1]!
    if (shape.rows === ROWS_TO_COMPILE) this.#compile(shape)
    shape.rows++
    if (cursor.elsewhere.length > 0) cursor.elsewhere.length = 0
    const row = shape.read(buffer, p, end)
    if (cursor.elsewhere.length > 0) fetchElsewhere(row, shape.keys, buffer, end)
    else if (cursor.at !== end) throw damagedFrame('records', `${end - cursor.at} bytes behind a row`)
    return row
  }

  #define(number: number, buffer: Buffer, at: number, end: number): number {
    const shapes = this.#shapes
    const [from, to] = definitionRange(number, shapes.length, buffer, at, end)
    const definition = latin1Slice(buffer, from, to)
    let shape = this.#known.get(definition)
    if (shape === undefined) {
      const keys = keysOf(buffer, from, to)
      shape = { keys, read: slowReader(keys), rows: 0 }
      if (this.#known.size === MAX_KNOWN) this.#known.clear()
      this.#known.set(definition, shape)
    }
    shapes.push(shape)
    return to
  }

  #compile(shape: Shape): void {
    if (this.#compiled === MAX_COMPILED) return
    this.#compiled++
    shape.read = fastReader(shape.keys) ?? shape.read
  }
}

function keysOf(buffer: Buffer, start: number, end: number): string[] {
  const keys: string[] = []
  cursor.at = start
  while (cursor.at < end) {
    const key = readField(buffer, cursor.at, end, 0)
    if (typeof key !== 'string' || SPECIAL_KEYS.has(key)) throw damagedFrame('records', 'a shape with no such key')
    keys.push(key)
  }
  if (keys.length > MAX_FIELDS || new Set(keys).size !== keys.length) {
    throw damagedFrame('records', `a shape of ${keys.length} keys, too many or some of them twice`)
  }
  return keys
}

function fetchElsewhere(row: Row, keys: readonly string[], buffer: Buffer, end: number): void {
  const { at, elsewhere } = cursor
  const values = unpack(buffer, at, end)
  if (!Array.isArray(values) || values.length !== elsewhere.length) {
    throw damagedFrame('records', `a row without the ${elsewhere.length} fields that stand at its end`)
  }
  for (let i = 0; i < elsewhere.length; i++) row[keys[elsewhere[i]!]!] = values[i]
}

function unpack(buffer: Buffer, start: number, end: number): unknown {
  try {
    return messagePack.decode(buffer, start, end)
  } catch (error) {
    throw damagedFrame('records', `a value is no MessagePack: ${String(error)}`)
  }
}
