/**
 * Reads JSON by a template. The values of most topics differ in their numbers, texts and literals only: what stands
 * between those is learned from one value and merely compared in the next ones, byte by byte where they were fetched. A
 * generated function holds the comparisons and makes the value by one object literal.
 *
 * It answers exactly what JSON.parse answers, or nothing, and then JSON.parse has the word: it gives up at other keys,
 * another order, other white space, and whatever is not JSON.
 *
 * A damaged value may make it read on into what follows; only a value that ends where it should is taken.
 */
import { shortText } from '../../../src/common/short-text.ts'
import { endOfText, numberOf, textOf } from './json-scalars.ts'
import { type JsonShape, learnShape } from './json-shape.ts'

/** Reads bytes [start, end); undefined: ask JSON.parse. */
export type TemplateReader = (bytes: Buffer, start: number, end: number) => unknown

/** More would make a function so long that V8 doesn't optimise it. */
const MAX_SCALARS = 32
const MAX_CHARS = 4096

/** So many digits fit an int32, whatever they are. Adding digits up in integers takes half the time that it takes in doubles. */
const INT_DIGITS = 9
/**
 * Up to 15 digits are an exact integer, and dividing that by an exact power of ten is one correctly rounded operation
 * (Clinger, "How to read floating point numbers accurately", 1990).
 */
const EXACT_DIGITS = 15
const POWERS_OF_TEN = Array.from({ length: EXACT_DIGITS + 1 }, (_, exponent) => 10 ** exponent)

/** What the generated code calls. */
const HELPERS = { powers: POWERS_OF_TEN, shortText, numberOf, endOfText, textOf }

/** The reader of values like this one; undefined where there can be none. `text` must be valid JSON. */
export function learnTemplate(text: string): TemplateReader | undefined {
  if (text.length > MAX_CHARS) return undefined
  const learned = learnShape(text)
  if (learned === undefined || learned.literals.length > MAX_SCALARS + 1) return undefined
  try {
    const make = new Function(...Object.keys(HELPERS), sourceOf(learned.literals, learned.shape))
    return make(...Object.values(HELPERS)) as TemplateReader
  } catch {
    // Compiling code from text may be switched off (--disallow-code-generation-from-strings).
    return undefined
  }
}

/** Nothing of the text gets into the code but byte values and, quoted by JSON.stringify, keys. */
function sourceOf(literals: readonly string[], shape: JsonShape): string {
  const last = literals.length - 1
  const steps = literals.map((literal, i) => `${skipLiteral(literal)}${i === last ? '' : readScalar(`v${i}`)}`)
  const names = steps.slice(0, last).map((_, i) => `v${i}`)
  return `return function readByTemplate(b, start, end) {
let p = start, c = 0, from = 0, limit = 0, head = 0, rest = 0, digits = 0, isExact = false, isNegative = false, n = 0
let ${names.join(', ')}
${steps.join('\n')}
return p === end ? ${literalOf(shape)} : undefined
}`
}

function skipLiteral(literal: string): string {
  const differs = [...literal].map((char, index) => `b[p + ${index}] !== ${char.charCodeAt(0)}`)
  return differs.length === 0 ? '' : `if (${differs.join(' || ')}) return undefined\np += ${literal.length}\n`
}

/** Behind the last byte of the buffer a byte is undefined and fails every comparison. */
function readScalar(target: string): string {
  return `c = b[p]
if (c === 34) {
${readText(target)}
} else if (c === 45 || (c >= 48 && c <= 57)) {
${readNumber(target)}
} else if (c === 116 && b[p + 1] === 114 && b[p + 2] === 117 && b[p + 3] === 101) { ${target} = true; p += 4 }
else if (c === 102 && b[p + 1] === 97 && b[p + 2] === 108 && b[p + 3] === 115 && b[p + 4] === 101) { ${target} = false; p += 5 }
else if (c === 110 && b[p + 1] === 117 && b[p + 2] === 108 && b[p + 3] === 108) { ${target} = null; p += 4 }
else return undefined
`
}

function readText(target: string): string {
  return `  from = ++p
  while ((c = b[p]) >= 32 && c <= 127 && c !== 34 && c !== 92) p++
  if (c === 34) ${target} = shortText(b, from, p)
  else {
    p = endOfText(b, p, end)
    if (p < 0) return undefined
    ${target} = textOf(b, from, p)
    if (${target} === undefined) return undefined
  }
  p++`
}

/** The whole part as `head` and, behind its first digits, `rest`; then the fraction as `rest`. */
function readNumber(target: string): string {
  const isDigit = 'c >= 48 && c <= 57'
  const addUp = (sum: string) =>
    `while (p < limit && ${isDigit}) { ${sum} = (Math.imul(${sum}, 10) + (c - 48)) | 0; c = b[++p] }`
  return `  start = p
  isNegative = c === 45
  if (isNegative) c = b[++p]
  head = c - 48
  if (!(head >= 0 && head <= 9)) return undefined
  from = p
  c = b[++p]
  rest = 0
  digits = 0
  isExact = true
  if (head !== 0) {
    limit = from + ${INT_DIGITS}
    ${addUp('head')}
    if (p === limit) {
      limit = from + ${EXACT_DIGITS}
      ${addUp('rest')}
      digits = p - from - ${INT_DIGITS}
      if (p === limit) while (${isDigit}) { isExact = false; c = b[++p] }
    }
  }
  n = head
  if (digits !== 0) n = head * powers[digits] + rest
  if (c === 46) {
    limit = from + ${EXACT_DIGITS} + 1 < p + 1 + ${INT_DIGITS} ? from + ${EXACT_DIGITS} + 1 : p + 1 + ${INT_DIGITS}
    from = p + 1
    c = b[++p]
    if (!(${isDigit})) return undefined
    rest = 0
    ${addUp('rest')}
    digits = p - from
    while (${isDigit}) { isExact = false; c = b[++p] }
    if (isExact) n = (n * powers[digits] + rest) / powers[digits]
  }
  if (c === 101 || c === 69) {
    isExact = false
    c = b[++p]
    if (c === 43 || c === 45) c = b[++p]
    if (!(${isDigit})) return undefined
    while (${isDigit}) c = b[++p]
  }
  if (!isExact) n = numberOf(b, start, p)
  else if (isNegative) n = -n
  ${target} = n`
}

function literalOf(shape: JsonShape): string {
  if ('scalar' in shape) return `v${shape.scalar}`
  if ('items' in shape) return `[${shape.items.map(literalOf).join(', ')}]`
  return `{${[...shape.fields].map(([key, value]) => `${JSON.stringify(key)}: ${literalOf(value)}`).join(', ')}}`
}
