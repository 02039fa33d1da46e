/**
 * The frame that carries records through an exchange: a run of keyed records for one partition.
 *
 * ```
 * 0x11 │ count │ body bytes │ body: key 0, value 0, key 1, value 1, … │ table: one entry a record
 * ```
 * `count` and `body bytes` are uint32, big-endian. An entry of the table is three unsigned LEB128 numbers (below 2^53,
 * at most 8 bytes): bytes of the key, bytes of the value, and the time. The time is 0 and a float64, or the zig-zag of its
 * distance to the time of the record before (of the first: to 0) and 1: so any safe integer fits, also where the distance
 * between two is none.
 *
 * The table stands behind the body because a value's length is not known before a codec has written it, straight into
 * the frame.
 */
import { assert } from '../common/assert.ts'
import { ByteWriter } from '../common/byte-writer.ts'
import { writeVarint } from '../common/leb128.ts'
import { damagedFrame, RECORDS_FRAME } from './exchange-frame.ts'

const COUNT_AT = 1
const BODY_BYTES_AT = 5
const BODY_AT = 9

/** Of a table entry: two lengths below 2^32, a time with its escape. */
const MAX_ENTRY_BYTES = 5 + 5 + 9
const MIN_ENTRY_BYTES = 3
/** Two times further apart are written in full. Their distance is exact below it, and so is its zig-zag. */
const MAX_DISTANCE = 2 ** 51
/** Below it a loop over the chars is quicker than the call into native code (docs/design/0002). */
const SHORT_KEY_CHARS = 24

export interface EncodedFrame {
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
}

/** Fills one frame after another in the same memory. */
export class RecordsFrameEncoder {
  /** Where values are written: behind `begin`, and up to `end`. */
  readonly out: ByteWriter
  #count = 0
  /** Behind the last whole record: what a failed `add` has left behind it is overwritten. */
  #end = BODY_AT
  #keyBytes = new Int32Array(64)
  #valueBytes = new Int32Array(64)
  #timestamps = new Float64Array(64)
  #pendingKeyBytes = 0
  #pendingTimestamp = 0

  constructor(initialBytes = 16 * 1024) {
    this.out = new ByteWriter(initialBytes)
  }

  get count(): number {
    return this.#count
  }

  /** Of the frame as it stands, about: for the decision to finish it. */
  get byteLength(): number {
    return this.#end + MIN_ENTRY_BYTES * this.#count
  }

  /**
   * Adds a record. What the codec throws goes through; the frame then is as it was before.
   *
   * @param key a binary string (state-changes.ts)
   * @param timestamp ms since 1970, any safe integer
   */
  add<V>(key: string, timestamp: number, codec: { encode(value: V, out: ByteWriter): void }, value: V): void {
    this.begin(key, timestamp)
    codec.encode(value, this.out)
    this.end()
  }

  /** Begins a record; its value is written to `out` from here to `end`. */
  begin(key: string, timestamp: number): void {
    assert(Number.isSafeInteger(timestamp), 'a timestamp is a safe integer')
    const { out } = this
    const chars = key.length
    out.position = this.#end
    const at = out.reserve(chars)
    writeLatin1(out.buffer, at, key)
    out.position = at + chars
    this.#pendingKeyBytes = chars
    this.#pendingTimestamp = timestamp
  }

  end(): void {
    const count = this.#count
    const valueStart = this.#end + this.#pendingKeyBytes
    assert(this.out.position >= valueStart, 'a value is written behind what is there')
    if (count === this.#timestamps.length) this.#grow()
    this.#keyBytes[count] = this.#pendingKeyBytes
    this.#valueBytes[count] = this.out.position - valueStart
    this.#timestamps[count] = this.#pendingTimestamp
    this.#end = this.out.position
    this.#count = count + 1
  }

  /** The frame. Its bytes are lent until the next `begin` or `add`, which begins the next frame. */
  finish(): EncodedFrame {
    const count = this.#count
    const bodyEnd = this.#end
    assert(bodyEnd < 2 ** 31, 'a frame is finished long before it reaches 2 GiB')
    const { out } = this
    out.position = bodyEnd
    out.reserve(count * MAX_ENTRY_BYTES)
    const { buffer } = out
    buffer[0] = RECORDS_FRAME
    buffer.writeUInt32BE(count, COUNT_AT)
    buffer.writeUInt32BE(bodyEnd - BODY_AT, BODY_BYTES_AT)
    let p = bodyEnd
    let before = 0
    for (let i = 0; i < count; i++) {
      p = writeLength(buffer, p, this.#keyBytes[i]!)
      p = writeLength(buffer, p, this.#valueBytes[i]!)
      const timestamp = this.#timestamps[i]!
      p = writeTime(buffer, p, timestamp, before)
      before = timestamp
    }
    this.#count = 0
    this.#end = BODY_AT
    return { buffer, start: 0, end: p }
  }

  /** Forgets what was added. */
  reset(): void {
    this.#count = 0
    this.#end = BODY_AT
  }

  #grow(): void {
    const { length } = this.#timestamps
    const keyBytes = this.#keyBytes
    const valueBytes = this.#valueBytes
    const timestamps = this.#timestamps
    this.#keyBytes = new Int32Array(2 * length)
    this.#valueBytes = new Int32Array(2 * length)
    this.#timestamps = new Float64Array(2 * length)
    this.#keyBytes.set(keyBytes)
    this.#valueBytes.set(valueBytes)
    this.#timestamps.set(timestamps)
  }
}

/** The records of a frame as a structure of arrays, over the frame's own buffer: valid as long as that is. */
export interface RecordsFrame {
  readonly count: number
  /** Keys and values are ranges of it. */
  readonly buffer: Buffer
  readonly keyStarts: Int32Array
  readonly keyEnds: Int32Array
  readonly valueStarts: Int32Array
  readonly valueEnds: Int32Array
  /** Ms since 1970. */
  readonly timestamps: Float64Array
}

/** Decodes one frame after another into the same arrays, which may be longer than `count`. */
export class RecordsFrameDecoder implements RecordsFrame {
  count = 0
  buffer: Buffer = Buffer.alloc(0)
  keyStarts = new Int32Array(64)
  keyEnds = new Int32Array(64)
  valueStarts = new Int32Array(64)
  valueEnds = new Int32Array(64)
  timestamps = new Float64Array(64)

  /** Of a frame whose kind is `records`. Throws MR_EXCHANGE_FRAME_DAMAGED, with no record then. */
  decode(buffer: Buffer, start: number, end: number): RecordsFrame {
    this.count = 0
    this.buffer = buffer
    if (end - start < BODY_AT) throw damagedFrame('records', `it has ${end - start} bytes`)
    const count = buffer.readUInt32BE(start + COUNT_AT)
    const bodyEnd = start + BODY_AT + buffer.readUInt32BE(start + BODY_BYTES_AT)
    if (bodyEnd > end) throw damagedFrame('records', 'its body is longer than the frame')
    // Before anything is allocated by it.
    if (count * MIN_ENTRY_BYTES > end - bodyEnd)
      throw damagedFrame('records', `${count} records in ${end - bodyEnd} bytes of table`)
    this.#reserve(count)
    this.#read(count, start + BODY_AT, bodyEnd, end)
    this.count = count
    return this
  }

  #read(count: number, bodyStart: number, bodyEnd: number, end: number): void {
    const { buffer, keyStarts, keyEnds, valueStarts, valueEnds, timestamps } = this
    let p = bodyStart
    let table = bodyEnd
    let before = 0
    for (let i = 0; i < count; i++) {
      // Numbers of one byte, by far the most, are read here; anything else, the end of the frame included, is not.
      let keyBytes = table < end ? buffer[table]! : LONG
      if (keyBytes < LONG) table++
      else {
        keyBytes = readLongNumber(buffer, table, end)
        table = numberEnd
      }
      let valueBytes = table < end ? buffer[table]! : LONG
      if (valueBytes < LONG) table++
      else {
        valueBytes = readLongNumber(buffer, table, end)
        table = numberEnd
      }
      if (keyBytes + valueBytes > bodyEnd - p) throw damagedFrame('records', `record ${i} runs past the body`)
      keyStarts[i] = p
      keyEnds[i] = p += keyBytes
      valueStarts[i] = p
      valueEnds[i] = p += valueBytes
      const code = table < end ? buffer[table]! : LONG
      if (code < LONG && code > 0) {
        table++
        before += ((code - 1) >>> 1) ^ -((code - 1) & 1)
      } else {
        before = readLongTime(buffer, table, end, before)
        table = numberEnd
      }
      timestamps[i] = before
    }
    if (p !== bodyEnd) throw damagedFrame('records', `${bodyEnd - p} bytes of its body belong to no record`)
    if (table !== end) throw damagedFrame('records', `${end - table} bytes behind its table`)
    // Only sums of small steps have not been looked at.
    for (let i = 0; i < count; i++) {
      if (!Number.isSafeInteger(timestamps[i])) throw damagedFrame('records', `a time of ${timestamps[i]}`)
    }
  }

  #reserve(count: number): void {
    const present = this.timestamps.length
    if (count <= present) return
    const length = Math.max(count, 2 * present)
    this.keyStarts = new Int32Array(length)
    this.keyEnds = new Int32Array(length)
    this.valueStarts = new Int32Array(length)
    this.valueEnds = new Int32Array(length)
    this.timestamps = new Float64Array(length)
  }
}

/** A first byte from here on: the number has more. */
const LONG = 0x80

/** Where the last number that was read ended. */
let numberEnd = 0

/** An unsigned number of one to eight bytes. */
function readLongNumber(buffer: Buffer, start: number, end: number): number {
  let value = 0
  let factor = 1
  for (let at = start; at < end && factor < 2 ** 56; at++) {
    const byte = buffer[at]!
    value += (byte & 0x7f) * factor
    if (byte < LONG) {
      if (value > Number.MAX_SAFE_INTEGER) break
      numberEnd = at + 1
      return value
    }
    factor *= 128
  }
  throw damagedFrame('records', 'a number of its table has no end')
}

function readLongTime(buffer: Buffer, start: number, end: number, before: number): number {
  const code = readLongNumber(buffer, start, end)
  if (code > 0) {
    const half = Math.floor((code - 1) / 2)
    return before + ((code - 1) % 2 === 0 ? half : -half - 1)
  }
  const at = numberEnd
  if (end - at < 8) throw damagedFrame('records', 'its table ends within a time')
  numberEnd = at + 8
  return buffer.readDoubleBE(at)
}

function writeLatin1(buffer: Buffer, at: number, text: string): void {
  const chars = text.length
  let allBits = 0
  if (chars <= SHORT_KEY_CHARS) {
    for (let i = 0; i < chars; i++) {
      const char = text.charCodeAt(i)
      buffer[at + i] = char
      allBits |= char
    }
  } else {
    for (let i = 0; i < chars; i++) allBits |= text.charCodeAt(i)
    buffer.write(text, at, 'latin1')
  }
  assert(allBits <= 0xff, 'a key is a binary string: no char above 255')
}

function writeLength(buffer: Buffer, at: number, value: number): number {
  if (value >= 0x80) return writeVarint(buffer, at, value)
  buffer[at] = value
  return at + 1
}

function writeTime(buffer: Buffer, at: number, time: number, before: number): number {
  const distance = time - before
  // Up to 6 bits: most neighbours are within 31 ms of each other.
  if (distance >= -31 && distance <= 31) {
    buffer[at] = ((distance << 1) ^ (distance >> 31)) + 1
    return at + 1
  }
  if (distance < -MAX_DISTANCE || distance > MAX_DISTANCE) {
    buffer[at] = 0
    return buffer.writeDoubleBE(time, at + 1)
  }
  return writeVarint(buffer, at, (distance < 0 ? -2 * distance - 1 : 2 * distance) + 1)
}
