/**
 * Kafka's primitive types on the wire (kafka.apache.org/protocol). A writer or reader is made for one version of one
 * request and knows whether that version is flexible (KIP-482: compact lengths, tag sections), so that one description
 * of a request serves all its versions.
 */
import { MillraceError } from '../../../src/common/errors.ts'

const TWO_TO_32 = 2 ** 32

export class WireWriter {
  readonly flexible: boolean
  readonly #chunks: Buffer[] = []
  #buffer: Buffer
  /** Where the part of `#buffer` begins that is in no chunk yet. */
  #start = 0
  #at = 0

  constructor(flexible: boolean, initialBytes = 256) {
    this.flexible = flexible
    this.#buffer = Buffer.allocUnsafe(initialBytes)
  }

  int8(value: number): void {
    this.#reserve(1)
    this.#at = this.#buffer.writeInt8(value, this.#at)
  }

  boolean(value: boolean): void {
    this.int8(value ? 1 : 0)
  }

  int16(value: number): void {
    this.#reserve(2)
    this.#at = this.#buffer.writeInt16BE(value, this.#at)
  }

  int32(value: number): void {
    this.#reserve(4)
    this.#at = this.#buffer.writeInt32BE(value, this.#at)
  }

  /** Safe integers only. */
  int64(value: number): void {
    this.#reserve(8)
    const high = Math.floor(value / TWO_TO_32)
    this.#buffer.writeInt32BE(high, this.#at)
    this.#at = this.#buffer.writeUInt32BE(value - high * TWO_TO_32, this.#at + 4)
  }

  string(value: string): void {
    const bytes = Buffer.byteLength(value)
    if (this.flexible) this.#uvarint(bytes + 1)
    else this.int16(bytes)
    this.#reserve(bytes)
    this.#at += this.#buffer.write(value, this.#at)
  }

  /** With a length of two bytes in flexible versions too: the client id in a request's header. */
  legacyString(value: string): void {
    const bytes = Buffer.byteLength(value)
    this.int16(bytes)
    this.#reserve(bytes)
    this.#at += this.#buffer.write(value, this.#at)
  }

  nullableString(value: string | null): void {
    if (value !== null) this.string(value)
    else if (this.flexible) this.#uvarint(0)
    else this.int16(-1)
  }

  bytes(value: Uint8Array): void {
    if (this.flexible) this.#uvarint(value.length + 1)
    else this.int32(value.length)
    this.#reserve(value.length)
    this.#buffer.set(value, this.#at)
    this.#at += value.length
  }

  /** Bytes that are sent from where they lie: they must not change until the answer is there. */
  bytesByReference(value: Buffer): void {
    if (this.flexible) this.#uvarint(value.length + 1)
    else this.int32(value.length)
    this.#cut()
    this.#chunks.push(value)
  }

  uuid(value: Buffer): void {
    this.#reserve(16)
    this.#buffer.set(value, this.#at)
    this.#at += 16
  }

  arrayLength(length: number): void {
    if (this.flexible) this.#uvarint(length + 1)
    else this.int32(length)
  }

  nullArray(): void {
    if (this.flexible) this.#uvarint(0)
    else this.int32(-1)
  }

  array<T>(items: readonly T[], write: (item: T) => void): void {
    this.arrayLength(items.length)
    for (const item of items) write(item)
  }

  /** The empty tag section that ends every structure of a flexible version; nothing in others. */
  tags(): void {
    if (this.flexible) this.#uvarint(0)
  }

  /** What was written, in order. */
  chunks(): Buffer[] {
    this.#cut()
    return this.#chunks
  }

  #uvarint(value: number): void {
    this.#reserve(5)
    let rest = value
    while (rest >= 0x80) {
      this.#buffer[this.#at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#buffer[this.#at++] = rest
  }

  #cut(): void {
    if (this.#at > this.#start) this.#chunks.push(this.#buffer.subarray(this.#start, this.#at))
    this.#start = this.#at
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const held = this.#at - this.#start
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, held + bytes))
    this.#buffer.copy(larger, 0, this.#start, this.#at)
    this.#buffer = larger
    this.#start = 0
    this.#at = held
  }
}

export class WireReader {
  readonly buffer: Buffer
  readonly flexible: boolean
  at: number

  constructor(buffer: Buffer, flexible: boolean, at = 0) {
    this.buffer = buffer
    this.flexible = flexible
    this.at = at
  }

  get remaining(): number {
    return this.buffer.length - this.at
  }

  int8(): number {
    const value = this.buffer.readInt8(this.at)
    this.at += 1
    return value
  }

  boolean(): boolean {
    return this.int8() !== 0
  }

  int16(): number {
    const value = this.buffer.readInt16BE(this.at)
    this.at += 2
    return value
  }

  int32(): number {
    const value = this.buffer.readInt32BE(this.at)
    this.at += 4
    return value
  }

  /** As a number: above 2^53 it loses its last bits, which no offset, id or time of a real cluster reaches. */
  int64(): number {
    const value = this.buffer.readInt32BE(this.at) * TWO_TO_32 + this.buffer.readUInt32BE(this.at + 4)
    this.at += 8
    return value
  }

  uuid(): Buffer {
    return this.#take(16)
  }

  nullableString(): string | null {
    const length = this.flexible ? this.uvarint() - 1 : this.int16()
    if (length < 0) return null
    this.#check(length)
    const value = this.buffer.toString('utf8', this.at, this.at + length)
    this.at += length
    return value
  }

  string(): string {
    const value = this.nullableString()
    if (value === null) throw malformed('a string that must not be null is null')
    return value
  }

  /** A slice of the answer, not a copy. */
  nullableBytes(): Buffer | null {
    const length = this.flexible ? this.uvarint() - 1 : this.int32()
    return length < 0 ? null : this.#take(length)
  }

  bytes(): Buffer {
    return this.nullableBytes() ?? this.buffer.subarray(this.at, this.at)
  }

  /** -1: null. Checked against what is left, so that a damaged length allocates nothing. */
  arrayLength(): number {
    const length = this.flexible ? this.uvarint() - 1 : this.int32()
    if (length > this.remaining) throw malformed(`an array of ${length} items in ${this.remaining} bytes`)
    return length
  }

  array<T>(read: () => T): T[] {
    const length = this.arrayLength()
    const items: T[] = []
    for (let index = 0; index < length; index++) items.push(read())
    return items
  }

  /** Walks the tag section of a flexible version; `onTag` may read the tags it knows. */
  tags(onTag?: (tag: number, value: WireReader) => void): void {
    if (!this.flexible) return
    const count = this.uvarint()
    for (let index = 0; index < count; index++) {
      const tag = this.uvarint()
      const value = this.#take(this.uvarint())
      onTag?.(tag, new WireReader(value, true))
    }
  }

  uvarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.buffer.readUInt8(this.at++)
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw malformed('a varint of more than 5 bytes')
  }

  #take(length: number): Buffer {
    this.#check(length)
    const start = this.at
    this.at += length
    return this.buffer.subarray(start, this.at)
  }

  #check(length: number): void {
    if (length < 0 || length > this.remaining) throw malformed(`${length} bytes claimed where ${this.remaining} are left`)
  }
}

function malformed(what: string): MillraceError {
  return new MillraceError('MR_KAFKA_PROTOCOL', `malformed answer from Kafka: ${what}`)
}
