/**
 * What values of one kind have in common, learned from one of them: the text between its scalars, byte for byte, and how
 * objects and arrays are made of these.
 *
 *     {"id": 17, "tags": ["a", null]}   literals `{"id": ` `, "tags": [` `, ` `]}`, shape { id: 0, tags: [1, 2] }
 */

/** Scalars are numbered in the order of the text. */
export type JsonShape =
  | { readonly scalar: number }
  | { readonly fields: ReadonlyMap<string, JsonShape> }
  | { readonly items: readonly JsonShape[] }

export interface LearnedShape {
  readonly shape: JsonShape
  /** Printable ASCII and white space. Before each scalar, and behind the last one: one more than there are scalars. */
  readonly literals: readonly string[]
}

/**
 * The shape of an object; undefined where an object literal would mean something else than JSON does, or where there is
 * nothing to gain. `text` must be valid JSON.
 */
export function learnShape(text: string): LearnedShape | undefined {
  if (!text.startsWith('{')) return undefined
  const reader = new ShapeReader(text)
  const shape = reader.value()
  const literals = [...reader.literals, text.slice(reader.literalFrom)]
  const isAscii = literals.every((literal) => /^[\t\n\r\x20-\x7e]*$/.test(literal))
  return reader.isUsable && isAscii && literals.length > 1 ? { shape, literals } : undefined
}

class ShapeReader {
  readonly literals: string[] = []
  /** Where the text behind the last scalar begins. */
  literalFrom = 0
  isUsable = true
  private readonly text: string
  private at = 0

  constructor(text: string) {
    this.text = text
  }

  value(): JsonShape {
    this.skipSpace()
    const char = this.text[this.at]
    if (char === '{') return this.object()
    if (char === '[') return this.array()
    return this.scalar()
  }

  private object(): JsonShape {
    const fields = new Map<string, JsonShape>()
    while (this.stepsInto('}')) {
      const from = this.at
      this.skipString()
      const key = this.text.slice(from + 1, this.at - 1)
      // In an object literal `__proto__` sets the prototype. Of a key that stands twice the last one counts.
      if (key.includes('\\') || key === '__proto__' || fields.has(key)) this.isUsable = false
      this.skipSpace()
      this.at++ // the colon
      fields.set(key, this.value())
    }
    return { fields }
  }

  private array(): JsonShape {
    const items: JsonShape[] = []
    while (this.stepsInto(']')) items.push(this.value())
    return { items }
  }

  /** Over the opening bracket or a comma to the next member; false: over the closing bracket. */
  private stepsInto(closing: string): boolean {
    this.skipSpace()
    const isEnd = this.text[this.at++] === closing
    if (isEnd) return false
    this.skipSpace()
    const isEmpty = this.text[this.at] === closing
    if (isEmpty) this.at++
    return !isEmpty
  }

  private scalar(): JsonShape {
    const scalar = this.literals.push(this.text.slice(this.literalFrom, this.at)) - 1
    if (this.text[this.at] === '"') this.skipString()
    else while (/[^\s,\]}]/.test(this.text[this.at] ?? ',')) this.at++
    this.literalFrom = this.at
    return { scalar }
  }

  private skipString(): void {
    this.at++
    while (this.text[this.at] !== '"') this.at += this.text[this.at] === '\\' ? 2 : 1
    this.at++
  }

  private skipSpace(): void {
    while (/\s/.test(this.text[this.at] ?? 'x')) this.at++
  }
}
