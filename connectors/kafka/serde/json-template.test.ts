import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { learnTemplate } from './json-template.ts'

const ORDER = '{"id":17,"word":"w3","ts":1700000000000,"amount":77.08,"paid":true,"note":null}'

/** What the template of `sample` makes of `text`, which lies between other bytes. */
function read(sample: string, text: string, behind = '#"},'): unknown {
  const reader = learnTemplate(sample)
  assert.ok(reader, `${sample} has a template`)
  const bytes = Buffer.from(`##${text}${behind}`)
  return reader(bytes, 2, 2 + Buffer.byteLength(text))
}

/** Either the very value that JSON.parse gives, or nothing. Returns whether it was read. */
function readsLikeJsonParse(sample: string, text: string): boolean {
  const value = read(sample, text)
  if (value === undefined) return false
  assert.deepStrictEqual(value, JSON.parse(text))
  assert.equal(JSON.stringify(value), JSON.stringify(JSON.parse(text)), 'keys are in the same order')
  return true
}

function orderWith(amount: string): string {
  return ORDER.replace('77.08', () => amount)
}

describe('a JSON template', () => {
  test('reads values like the one it was learned from', () => {
    assert.ok(readsLikeJsonParse(ORDER, ORDER))
    assert.ok(readsLikeJsonParse(ORDER, '{"id":-0,"word":"","ts":0.5,"amount":999999999999999,"paid":false,"note":"x"}'))
    assert.ok(readsLikeJsonParse('{ "a" : 1 , "b" : [ 2, {"c": 3} ] }', '{ "a" : "x" , "b" : [ null, {"c": 0.125} ] }'))
    assert.ok(readsLikeJsonParse('{"1":0,"b":{},"0":[]}', '{"1":2,"b":{},"0":[]}'))
  })

  test('reads every kind of number and text where one may stand', () => {
    const numbers = ['0', '-0', '1e3', '-1.5E-7', '0e0', '1e400', '-1e400', '5e-324', '2.5e-324', '12345678901234567890']
    const long = ['9007199254740993', '0.30000000000000004', '123456789.123456', '1234567890.1234567', '0.1234567891']
    const texts = [
      '"\\n\\"\\\\\\u0041"',
      '"ä€😀"',
      '"\\ud83d\\ude00"',
      '"\\ud800"',
      '"\x7f"',
      `"${'x'.repeat(100)}"`,
      '"__proto__"',
    ]
    for (const scalar of [...numbers, ...long, ...texts]) assert.ok(readsLikeJsonParse(ORDER, orderWith(scalar)), scalar)
  })

  test('gives up at another shape', () => {
    for (const text of [
      orderWith('{}'),
      orderWith('[1]'),
      '{"id":17}',
      ORDER.replace('"id"', '"iD"'),
      ORDER.replace(':', ': '),
    ]) {
      JSON.parse(text)
      assert.equal(read(ORDER, text), undefined, text)
    }
    for (const text of [`${ORDER} `, ` ${ORDER}`, '', '1']) assert.equal(read(ORDER, text), undefined, text)
  })

  test('refuses everything that is not JSON', () => {
    const numbers = [
      '01',
      '-',
      '1.',
      '.5',
      '+1',
      '--1',
      '0x1',
      'NaN',
      '1 2',
      '-01',
      '1.5.5',
      '1e',
      '1e+',
      '1.e5',
      '1e5.5',
      '0b1',
      '1_0',
    ]
    const others = ['tru', 'nul', 'falsy', '', '"', '"\n"', '"\t"', '"\\x"', '"\\u12"', '"\\']
    for (const scalar of [...numbers, ...others]) {
      const text = orderWith(scalar)
      assert.throws(() => JSON.parse(text), SyntaxError, text)
      assert.equal(read(ORDER, text), undefined, text)
    }
  })

  test('takes no value that is cut off, whatever lies behind it', () => {
    const whole = orderWith('"a\\"ä"')
    for (const text of [ORDER, whole]) {
      const bytes = Buffer.from(text)
      const reader = learnTemplate(ORDER)!
      for (let length = 0; length < bytes.length; length++) {
        assert.equal(reader(bytes, 0, length), undefined)
        assert.equal(reader(Buffer.from(bytes.subarray(0, length)), 0, length), undefined)
      }
    }
  })

  test('is not learned where an object literal would mean something else, or where there is nothing to learn', () => {
    const unfit = ['{"__proto__":1}', '{"a":1,"a":2}', '{"\\u0061":1}', '{"ä":1}', '[1]', '"x"', '17', '{}', '{"a":{}}']
    const many = JSON.stringify(Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`f${i}`, i])))
    for (const text of [...unfit, many]) assert.equal(learnTemplate(text), undefined, text)
  })

  test('keys can hold no code', () => {
    const code = '$'.concat('{process.exit(1)}')
    const text = `{"\`${code}\`":1,"'+process.exit(1)+'":2}`
    assert.ok(readsLikeJsonParse(text, text))
    const escaped = `"+process.exit(1)+"\`${code}\`\u2028`
    assert.equal(learnTemplate(JSON.stringify({ [escaped]: 1 })), undefined)
  })

  test('reads every number as JSON.parse does', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 18 })
    const exponent = fc
      .tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), fc.nat(330))
      .map((parts) => parts.join(''))
    const number = fc
      .tuple(fc.boolean(), digits, fc.option(digits), fc.option(exponent, { freq: 1 }))
      .map(([isNegative, whole, fraction, power]) => {
        return `${isNegative ? '-' : ''}${whole.replace(/^0+(?=.)/, '')}${fraction === null ? '' : `.${fraction}`}${power ?? ''}`
      })
    const any = fc.oneof(
      number,
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((double) => JSON.stringify(double)),
      fc.maxSafeInteger().map(String),
    )
    const reader = learnTemplate('{"n":1}')!
    fc.assert(
      fc.property(any, (text) => {
        const bytes = Buffer.from(`{"n":${text}}`)
        assert.deepStrictEqual(reader(bytes, 0, bytes.length), JSON.parse(bytes.toString()))
      }),
      { numRuns: 20_000 },
    )
  })

  test('reads every text as JSON.parse does, damaged UTF-8 too', () => {
    const reader = learnTemplate('{"t":"x"}')!
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc.array(
        fc.constantFrom(0x22, 0x5c, 0x75, 0x64, 0x38, 0x30, 0xc3, 0xa4, 0xe2, 0x82, 0xac, 0xed, 0xa0, 0x80, 0xf0, 0x1f, 0x61),
      ),
    )
    fc.assert(
      fc.property(bytes, (text) => {
        const value = Buffer.concat([Buffer.from('{"t":"'), Buffer.from(text), Buffer.from('"}')])
        const read = reader(value, 0, value.length)
        if (read !== undefined) assert.deepStrictEqual(read, JSON.parse(value.toString()))
        // With quotes of its own it may be JSON of another shape.
        else if (!text.includes(0x22)) assert.throws(() => JSON.parse(value.toString()))
      }),
      { numRuns: 20_000 },
    )
  })

  test('reads any value by the template of any other as JSON.parse does, or not at all', () => {
    const object = fc.dictionary(fc.string({ maxLength: 3 }), fc.jsonValue({ maxDepth: 2 }), { minKeys: 1, maxKeys: 4 })
    fc.assert(
      fc.property(object, object, fc.boolean(), (one, other, isPretty) => {
        const sample = JSON.stringify(one, null, isPretty ? 1 : 0)
        if (learnTemplate(sample) === undefined) return
        assert.ok(readsLikeJsonParse(sample, sample))
        readsLikeJsonParse(sample, JSON.stringify(other))
      }),
      { numRuns: 2_000 },
    )
  })
})
