import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatBytes, formatDurationMs, parseBytes, parseDurationMs } from './units.ts'

test('durations are read as people write them', () => {
  for (const [text, ms] of [
    ['500ms', 500],
    ['1s', 1_000],
    ['1.5s', 1_500],
    ['10m', 600_000],
    [' 2 h ', 7_200_000],
    ['1d', 86_400_000],
    ['250', 250],
    [250, 250],
    ['0', 0],
  ] as const) {
    assert.equal(parseDurationMs(text), ms, String(text))
  }
})

test('what is no duration is refused', () => {
  for (const raw of [
    '',
    's',
    '1 fortnight',
    '-1s',
    '1.0001ms',
    '1e3',
    'constructor',
    '1constructor',
    Number.NaN,
    -1,
    1.5,
    null,
    true,
    {},
  ]) {
    assert.equal(parseDurationMs(raw), undefined, String(raw))
  }
})

test('sizes are read in binary and decimal units', () => {
  assert.equal(parseBytes('64MiB'), 64 * 2 ** 20)
  assert.equal(parseBytes('64mb'), 64_000_000)
  assert.equal(parseBytes('1.5KiB'), 1536)
  assert.equal(parseBytes('12'), 12)
  assert.equal(parseBytes('12 bit'), undefined)
})

test('what is printed is read as the same value', () => {
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(1, 1_000, 60_000, 2 ** 10, 2 ** 20), (n, factor) => {
      assert.equal(parseDurationMs(formatDurationMs(n * factor)), n * factor)
      assert.equal(parseBytes(formatBytes(n * factor)), n * factor)
    }),
  )
})

test('the largest unit that divides is printed', () => {
  assert.equal(formatDurationMs(90_000), '90s')
  assert.equal(formatDurationMs(240_000), '4m')
  assert.equal(formatBytes(96 * 2 ** 20), '96MiB')
  assert.equal(formatBytes(1000), '1000B')
})
