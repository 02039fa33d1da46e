import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseJsonBatch } from './json-batch.ts'

/** Values as they lie in a fetched batch: with other bytes between them. */
function parse(texts: readonly (string | null)[], from = 0, to = texts.length) {
  const starts: number[] = []
  const ends: number[] = []
  let all = ''
  for (const text of texts) {
    all += '##'
    const start = Buffer.byteLength(all)
    all += text ?? ''
    starts.push(text === null ? -1 : start)
    ends.push(Buffer.byteLength(all))
  }
  return parseJsonBatch(Buffer.from(all), starts, ends, from, to)
}

describe('a batch of JSON values', () => {
  test('gives what each of them gives', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), (values) => {
        const texts = values.map((value) => JSON.stringify(value))
        assert.deepEqual(
          parse(texts),
          texts.map((text) => JSON.parse(text)),
        )
      }),
    )
  })

  test('may be a part of the records only', () => {
    assert.deepEqual(parse(['1', '{"ä":"€"}', '"x"', '4'], 1, 3), [{ ä: '€' }, 'x'])
    assert.deepEqual(parse([], 0, 0), [])
  })

  test('is left to be read one by one where one is null, empty or malformed', () => {
    for (const wrong of [null, '', '{', '1,2', '1]', '[1', '{"a":1}}', '"', 'undefined', ' ']) {
      for (const texts of [[wrong], ['1', wrong], [wrong, '1'], ['1', wrong, '2']])
        assert.equal(parse(texts), undefined, `${texts}`)
    }
  })

  test('is not taken for good where malformed values make up for one another', () => {
    assert.equal(parse(['{"a":[{}', '{}]}', '{},{}']), undefined)
    assert.equal(parse(['[1', '2]', '3,4']), undefined)
    assert.equal(parse(['"a', 'b"', '1,2']), undefined)
  })

  test('is left to be read one by one where it is very large', () => {
    const large = JSON.stringify('x'.repeat(600_000))
    assert.equal(parse([large, large]), undefined)
    assert.deepEqual(parse([large])?.length, 1)
  })
})
