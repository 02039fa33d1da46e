/** Slices of buffers as text. Node's own per-encoding slices cost half of `toString` for a few bytes; its types lack them. */
interface SlicedBuffer {
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
}

/** Bytes [start, end) as a binary string: a char (0x00 to 0xff) per byte. */
export function latin1Slice(buffer: Buffer, start: number, end: number): string {
  return (buffer as unknown as SlicedBuffer).latin1Slice(start, end)
}

/** Bytes [start, end) as UTF-8 text. */
export function utf8Slice(buffer: Buffer, start: number, end: number): string {
  return (buffer as unknown as SlicedBuffer).utf8Slice(start, end)
}

/** Whether every byte is below 0x80, so that binary string and text are the same. */
export function isAscii(binary: string): boolean {
  for (let i = 0; i < binary.length; i++) if (binary.charCodeAt(i) > 0x7f) return false
  return true
}

/** Text as the binary string of its UTF-8 bytes. Nearly all keys are ASCII, where it is the text. */
export function binaryOfText(text: string): string {
  return isAscii(text) ? text : Buffer.from(text).toString('latin1')
}

/** The text that a binary string holds as UTF-8. */
export function textOfBinary(binary: string): string {
  return isAscii(binary) ? binary : Buffer.from(binary, 'latin1').toString('utf8')
}
