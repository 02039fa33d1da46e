import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { shortText } from './short-text.ts'

describe('a short text', () => {
  test('has a char for every byte, whatever its length and wherever it stands', () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => (i * 37) & 0xff))
    for (let length = 0; length < 40; length++) {
      for (const start of [0, 1, 100]) {
        assert.equal(shortText(bytes, start, start + length), bytes.toString('latin1', start, start + length))
      }
    }
  })
})
