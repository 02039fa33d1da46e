import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../common/clock.ts'
import { MillraceError } from '../common/errors.ts'
import { readableField, roundedBytes, roundedDuration } from './log-fields.ts'
import { createLogger, flush, type LoggingOptions } from './logging.ts'

const AT = new Date(2026, 10, 5, 14, 3, 22, 45)
const clock = { nowMs: () => AT.getTime() } as Clock

function logTo(options: Partial<LoggingOptions> = {}, isTTY = false) {
  const written: string[] = []
  const stream = { write: (text: string) => void written.push(text), isTTY }
  const logger = createLogger({ stream, format: 'auto', level: 'info', clock, ...options })
  return { logger, text: () => written.join(''), json: () => JSON.parse(written.join('')) }
}

test('in a pipe a line is a JSON object with time, level and event first', () => {
  const { logger, text } = logTo()
  logger.child({ app: 'a' }).info('checkpoint-completed', { checkpoint: 7, durationMs: 230, bytes: 10 })
  const time = AT.toISOString()
  assert.equal(
    text(),
    `{"time":"${time}","level":"info","event":"checkpoint-completed","app":"a","checkpoint":7,"durationMs":230,"bytes":10}\n`,
  )
})

test('on a terminal it is a sentence, coloured, with the fields that the sentence does not tell', () => {
  const { logger, text } = logTo({}, true)
  logger.info('checkpoint-completed', { checkpoint: 7, durationMs: 1234, bytes: 3 * 2 ** 20, entries: 12 })
  assert.ok(text().includes('\u001b['))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
  const plain = text().replace(/\u001b\[\d+m/g, '')
  assert.equal(plain, '14:03:22.045  INFO   checkpoint 7 completed in 1.23s, 3.0MiB   entries=12\n')
})

test('text without colour can be asked for', () => {
  const { logger, text } = logTo({ format: 'text' })
  logger.warn('positions-not-published', { reason: 'no answer', attempts: 3, waitMs: 50, left: undefined })
  assert.equal(
    text(),
    `14:03:22.045  WARN   ${'positions-not-published'.padEnd(40)}  reason="no answer" attempts=3 wait=50ms\n`,
  )
})

test('a well-known event that lacks a field of its sentence is printed plainly', () => {
  const { logger, text } = logTo({ format: 'text' })
  logger.info('checkpoint-completed', { checkpoint: 7 })
  assert.match(text(), /INFO {3}checkpoint-completed +checkpoint=7\n$/)
})

test('lines below the level are not written', () => {
  const { logger, text } = logTo({ level: 'warn' })
  logger.debug('a')
  logger.info('b')
  logger.child({}).info('c')
  assert.equal(text(), '')
})

test('an error is printed with its code, its effect on the data, its remedy and its causes', () => {
  const cause = new Error('connection reset')
  const error = new MillraceError('MR_CONFIG_CONFLICT', 'a and b', { cause, remedy: 'Drop a.', details: { a: 1 } })
  const onTerminal = logTo({ format: 'text' })
  onTerminal.logger.error('epoch-failed', { error })
  const indent = ' '.repeat(21)
  assert.equal(
    onTerminal.text(),
    [
      '14:03:22.045  ERROR  epoch-failed',
      `${indent}MR_CONFIG_CONFLICT: a and b`,
      `${indent}  data:   None: the job has not started.`,
      `${indent}  remedy: Drop a.`,
      `${indent}  cause:  connection reset\n`,
    ].join('\n'),
  )
  const inPipe = logTo()
  inPipe.logger.error('epoch-failed', { error })
  const { error: described } = inPipe.json()
  assert.equal(described.code, 'MR_CONFIG_CONFLICT')
  assert.equal(described.remedy, 'Drop a.')
  assert.deepEqual(described.details, { a: 1 })
  assert.equal(described.cause.message, 'connection reset')
  assert.equal(described.stack, undefined)
  assert.match(described.cause.stack, /at /)
})

test('a line cannot fail what it reports', () => {
  const circular: Record<string, unknown> = {}
  circular.self = circular
  const { logger, json } = logTo()
  logger.info('odd', { circular })
  assert.match(json().unprintable, /circular/i)
  const other = logTo()
  other.logger.info('odd', { big: 12n, map: new Map([['a', 1]]), set: new Set([1]), time: 'mine' })
  const { big, map, set, time_ } = other.json()
  assert.deepEqual({ big, map, set, time_ }, { big: '12', map: { a: 1 }, set: [1], time_: 'mine' })
})

test('numbers are rounded to what people read', () => {
  assert.deepEqual([0, 0.126, 7, 740, 1_234, 12_340, 59_960, 250_000, 7_260_000].map(roundedDuration), [
    '0ms',
    '0.13ms',
    '7ms',
    '740ms',
    '1.23s',
    '12.3s',
    '1m0s',
    '4m10s',
    '2h1m',
  ])
  assert.deepEqual([0, 1023, 1024, 150 * 2 ** 20, 2 ** 41].map(roundedBytes), ['0B', '1023B', '1.0KiB', '150MiB', '2.0TiB'])
  assert.equal(readableField('segmentBytes', 2048), 'segment=2.0KiB')
  assert.equal(readableField('completedAtMs', 0), 'completedAt=1970-01-01T00:00:00.000Z')
})

test('flush waits for the stream, but not for ever', async () => {
  let finish: (() => void) | undefined
  const flushed = flush({ write: (_text, done) => (finish = done) }, 60_000)
  finish?.()
  await flushed
  await flush({ write: () => {} }, 1)
})

test('while the reader stands still lines are dropped beyond a bound, and their number is told', () => {
  const written: string[] = []
  const stream = { write: (text: string) => void written.push(text), writableLength: 0 }
  const logger = createLogger({ stream, format: 'json', level: 'info' })
  stream.writableLength = 9 * 2 ** 20
  logger.info('a')
  logger.info('b')
  assert.deepEqual(written, [])
  stream.writableLength = 0
  logger.info('c')
  const lines = written.map((line) => JSON.parse(line))
  assert.deepEqual(
    lines.map(({ event, lines }) => [event, lines]),
    [
      ['log-lines-dropped', 2],
      ['c', undefined],
    ],
  )
})
