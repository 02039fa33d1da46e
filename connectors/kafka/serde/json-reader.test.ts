import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { JsonReader } from './json-reader.ts'

function batch(values: readonly (string | Buffer)[]) {
  const bytes = values.map((value) => Buffer.from(value as string))
  let at = 0
  const ends = bytes.map(({ length }) => (at += length))
  return { buffer: Buffer.concat(bytes), starts: ends.map((end, i) => end - bytes[i]!.length), ends, count: values.length }
}

function readAll(reader: JsonReader, values: readonly (string | Buffer)[]): unknown[] | undefined {
  const { buffer, starts, ends, count } = batch(values)
  return reader.readAll(buffer, starts, ends, 0, count)
}

const order = (i: number) => JSON.stringify({ id: i, word: `w${i % 7}`, amount: i / 100 })
const payment = (i: number) => JSON.stringify({ id: i, method: 'card', paid: i % 2 === 0 })
const unlike = (i: number) => JSON.stringify({ [`k${i}`]: i, list: Array.from({ length: i % 5 }, () => i) })

describe('a reader of JSON values', () => {
  test('gives what JSON.parse gives, for values that are alike, that are not, and that change', () => {
    const reader = new JsonReader()
    const mixed = (i: number) => [order, payment, unlike][i % 3]!(i)
    const turns = (i: number) => [order, payment][i % 2]!(i)
    const seldom = (i: number) => (i % 50 === 0 ? unlike(i) : order(i))
    let i = 0
    for (const make of [order, unlike, order, turns, mixed, unlike, seldom, payment, () => '[1]', order]) {
      for (let round = 0; round < 20; round++) {
        const texts = Array.from({ length: 100 }, () => make(i++))
        assert.deepEqual(
          readAll(reader, texts),
          texts.map((text) => JSON.parse(text)),
        )
      }
    }
  })

  test('gives what JSON.parse gives for any values in any batches', () => {
    const value = fc.oneof(
      fc.jsonValue({ noUnicodeString: false }),
      fc.nat().map((i) => JSON.parse(order(i))),
      fc.nat().map((i) => JSON.parse(payment(i))),
      fc.record(
        { a: fc.jsonValue(), b: fc.double({ noNaN: true }), c: fc.string({ unit: 'binary' }) },
        { requiredKeys: ['a'] },
      ),
    )
    fc.assert(
      fc.property(fc.array(fc.array(value, { maxLength: 20 }), { maxLength: 20 }), (batches) => {
        const reader = new JsonReader()
        for (const values of batches) {
          const texts = values.map((one) => JSON.stringify(one))
          assert.deepStrictEqual(
            readAll(reader, texts),
            texts.map((text) => JSON.parse(text)),
          )
        }
      }),
      { numRuns: 300 },
    )
  })

  test('takes bytes damaged anywhere for what JSON.parse takes them for, or leaves the batch to be read one by one', () => {
    const reader = new JsonReader()
    for (let i = 0; i < 10; i++) readAll(reader, [order(i), payment(i), order(i)])
    const damage = fc.record({ at: fc.nat(), byte: fc.nat(255), kind: fc.constantFrom('set', 'insert', 'cut') })
    fc.assert(
      fc.property(fc.nat(1000), fc.array(damage, { minLength: 1, maxLength: 3 }), (i, damages) => {
        let bytes = Buffer.from([order, payment][i % 2]!(i))
        for (const { at, byte, kind } of damages) {
          const where = at % bytes.length
          if (kind === 'cut') bytes = Buffer.from(bytes.subarray(0, where + 1))
          else if (kind === 'set') bytes[where] = byte
          else bytes = Buffer.concat([bytes.subarray(0, where), Buffer.of(byte), bytes.subarray(where)])
        }
        const values = [Buffer.from(order(1)), bytes, Buffer.from(payment(2))]
        const read = readAll(reader, values)
        const expected = parsed(values)
        if (expected === undefined) assert.equal(read, undefined)
        else assert.deepStrictEqual(read, expected)
      }),
      { numRuns: 5_000 },
    )
  })

  test('gives the same where Node.js may compile no code from text', () => {
    const forbidding = '--disallow-code-generation-from-strings'
    if (process.execArgv.includes(forbidding)) return
    const { status, stdout } = spawnSync(process.execPath, [forbidding, import.meta.filename], { encoding: 'utf8' })
    assert.equal(status, 0, stdout)
  })

  test('leaves a batch with a malformed or a null value to be read one by one', () => {
    const reader = new JsonReader()
    for (const texts of [['{'], [order(1), '{', order(2)], [order(1), ''], ['', order(1)]]) {
      assert.equal(readAll(reader, texts), undefined)
    }
    const { buffer, starts, ends } = batch([order(1), order(2)])
    assert.equal(reader.readAll(buffer, [starts[0]!, -1], ends, 0, 2), undefined)
    assert.deepEqual(readAll(reader, [order(3)]), [JSON.parse(order(3))])
    assert.deepEqual(readAll(reader, []), [])
  })
})

function parsed(values: readonly Buffer[]): unknown[] | undefined {
  try {
    return values.map((value) => JSON.parse(value.toString()))
  } catch {
    return undefined
  }
}
