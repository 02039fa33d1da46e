/**
 * What reading JSON costs: `node bench/micro/json-reader.ts`. CPU nanoseconds a value, garbage collection included, for
 * values of several kinds: each by a JSON.parse of its own, by one for the batch, and by the reader that learns. The
 * median of many rounds, and the best.
 */

import { parseJsonBatch } from '../../connectors/kafka/serde/json-batch.ts'
import { JsonReader } from '../../connectors/kafka/serde/json-reader.ts'
import { utf8Slice } from '../../src/common/bytes.ts'

const ROUNDS = 15
const VALUES = 100_000
/** As many as come in a batch of the Java client's size. */
const BATCH = 800

const kinds: Record<string, (i: number) => unknown> = {
  'id, word, time, amount': (i) => ({
    id: 1e9 + i,
    word: `w${i % 10_000}`,
    ts: 1_700_000_000_000 + i,
    amount: (i % 9_999) / 100,
  }),
  'with uuid, nested, boolean': (i) => ({
    id: `${(i * 7919).toString(16).padStart(8, '0')}-1f0c-4e0a-9f33-${(i * 104_729).toString(16).padStart(12, '0')}`,
    user: { id: i, name: `user${i % 100}` },
    paid: i % 3 === 0,
    amount: i / 8,
    tags: ['a', 'b'],
  }),
  'thirty fields': (i) =>
    Object.fromEntries(Array.from({ length: 30 }, (_, f) => [`field${f}`, f % 3 === 0 ? `text${i % 50}` : i + f])),
  'two kinds in turns': (i) =>
    i % 2 === 0
      ? { type: 'order', id: i, amount: i / 4 }
      : { type: 'payment', order: i, method: 'card', at: 1_700_000_000_000 + i },
  'one in ten with a note': (i) => ({ id: i, amount: i / 4, ...(i % 10 === 0 ? { note: `line\n${i}` } : {}) }),
  'never alike': (i) => ({ [`k${i % 1000}`]: i, list: Array.from({ length: i % 5 }, () => i) }),
}

for (const [kind, make] of Object.entries(kinds)) {
  const texts = Array.from({ length: VALUES }, (_, i) => JSON.stringify(make(i)))
  const buffer = Buffer.from(texts.join(''))
  const starts = new Int32Array(VALUES)
  const ends = new Int32Array(VALUES)
  let at = 0
  for (const [i, text] of texts.entries()) {
    starts[i] = at
    ends[i] = at += Buffer.byteLength(text)
  }
  console.log(`${kind}: ${texts[1]!.slice(0, 100)}`)
  measure('JSON.parse of each', (from, to) =>
    Array.from({ length: to - from }, (_, i) => JSON.parse(utf8Slice(buffer, starts[from + i]!, ends[from + i]!))),
  )
  measure('of the batch', (from, to) => parseJsonBatch(buffer, starts, ends, from, to))
  const reader = new JsonReader()
  measure('reader that learns', (from, to) => reader.readAll(buffer, starts, ends, from, to))
}

function measure(what: string, read: (from: number, to: number) => unknown): void {
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    for (let from = 0; from < VALUES; from += BATCH) read(from, Math.min(VALUES, from + BATCH))
    const { user, system } = process.cpuUsage(before)
    rounds.push(((user + system) * 1000) / VALUES)
  }
  rounds.sort((left, right) => left - right)
  const [best, median] = [rounds[0]!, rounds[ROUNDS >> 1]!]
  console.log(`  ${what.padEnd(20)} ${median.toFixed(0).padStart(6)} ns, the best ${best.toFixed(0)}`)
}
