/**
 * The log of a running job: one event a line. Text for people on a terminal, one JSON object a line in a pipe. It goes to
 * standard output, which is what container platforms collect; standard error tells why a command failed.
 *
 * Node.js writes to files and terminals at once; to a pipe it writes at once while there is room, and else keeps lines in
 * memory until there is. So `flush` comes before the end of the process, and while a reader stands still lines beyond a
 * bound are dropped and counted: a log must not be what a job runs out of memory for.
 */
import { styleText } from 'node:util'
import { type Clock, systemClock } from '../common/clock.ts'
import type { Logger, LogLevel } from '../common/logger.ts'
import { errorText } from './error-text.ts'
import { textOfEvent } from './event-texts.ts'
import { type LogFields, readableField, safeJson } from './log-fields.ts'

export interface LogStream {
  write(text: string, done?: () => void): unknown
  readonly isTTY?: boolean | undefined
  /** Bytes that wait for the reader. */
  readonly writableLength?: number | undefined
}

export interface LoggingOptions {
  readonly stream: LogStream
  readonly format: 'auto' | 'text' | 'json'
  readonly level: LogLevel
  /** Default: on a terminal. */
  readonly colour?: boolean
  readonly clock?: Clock
}

const SEVERITY: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/** How much may wait for a reader that stands still. */
const MAX_WAITING_BYTES = 8 * 2 ** 20

type Format = (atMs: number, level: LogLevel, event: string, fields: LogFields) => string

export interface Log {
  readonly logger: Logger
  /** What it is written as: the logs of other threads, whose lines come into the same stream, must be alike. */
  readonly format: 'text' | 'json'
  readonly colour: boolean
  /** A line that is made already, its newline included. */
  writeLine(line: string): void
}

export function createLog(options: LoggingOptions): Log {
  const { stream, level, clock = systemClock } = options
  const isTerminal = stream.isTTY === true
  const isText = options.format === 'text' || (options.format === 'auto' && isTerminal)
  const colour = options.colour ?? isTerminal
  const format = isText ? textFormat(colour) : jsonLine
  let dropped = 0
  const writeLine = (line: string) => {
    if ((stream.writableLength ?? 0) > MAX_WAITING_BYTES) {
      dropped++
      return
    }
    if (dropped > 0) stream.write(format(clock.nowMs(), 'warn', 'log-lines-dropped', { lines: dropped }))
    dropped = 0
    stream.write(line)
  }
  const write: Write = (at, event, fields) => writeLine(format(clock.nowMs(), at, event, fields))
  return {
    logger: new StreamLogger(write, SEVERITY[level], {}),
    format: isText ? 'text' : 'json',
    colour,
    writeLine,
  }
}

export function createLogger(options: LoggingOptions): Logger {
  return createLog(options).logger
}

/** Resolves when everything written before has left the process, when the reader is gone, or after `deadlineMs`. */
export function flush(stream: LogStream, deadlineMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, deadlineMs)
    stream.write('', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

type Write = (level: LogLevel, event: string, fields: LogFields) => void

class StreamLogger implements Logger {
  private readonly write: Write
  private readonly leastSeverity: number
  private readonly common: LogFields

  constructor(write: Write, leastSeverity: number, common: LogFields) {
    this.write = write
    this.leastSeverity = leastSeverity
    this.common = common
  }

  debug(event: string, fields?: LogFields): void {
    this.log('debug', event, fields)
  }

  info(event: string, fields?: LogFields): void {
    this.log('info', event, fields)
  }

  warn(event: string, fields?: LogFields): void {
    this.log('warn', event, fields)
  }

  error(event: string, fields?: LogFields): void {
    this.log('error', event, fields)
  }

  child(fields: LogFields): Logger {
    return new StreamLogger(this.write, this.leastSeverity, { ...this.common, ...fields })
  }

  private log(level: LogLevel, event: string, fields: LogFields | undefined): void {
    if (SEVERITY[level] < this.leastSeverity) return
    this.write(level, event, fields === undefined ? this.common : { ...this.common, ...fields })
  }
}

/** `time`, `level` and `event` first; fields of these names would be hidden, so they get a `_`. */
function jsonLine(atMs: number, level: LogLevel, event: string, fields: LogFields): string {
  const line: Record<string, unknown> = { time: new Date(atMs).toISOString(), level, event }
  for (const [name, value] of Object.entries(fields))
    line[name === 'time' || name === 'level' || name === 'event' ? `${name}_` : name] = value
  return `${safeJson(line)}\n`
}

/** How wide the event is at least, so that fields begin below one another where sentences are short. */
const EVENT_WIDTH = 40
const BEFORE_EVENT = '12:34:56.789  ERROR  '.length

function textFormat(colour: boolean): Format {
  const paint = (format: 'red' | 'yellow' | 'green' | 'dim', text: string) =>
    colour ? styleText(format, text, { validateStream: false }) : text
  const labels: Readonly<Record<LogLevel, string>> = {
    debug: paint('dim', 'DEBUG'),
    info: paint('green', 'INFO '),
    warn: paint('yellow', 'WARN '),
    error: paint('red', 'ERROR'),
  }
  return (atMs, level, event, fields) => {
    const { text, rest } = textOfEvent(event, fields)
    const plain = rest.filter(([, value]) => !(value instanceof Error))
    const shown = plain.map(([name, value]) => readableField(name, value)).join(' ')
    let line = `${paint('dim', timeOfDay(atMs))}  ${labels[level]}  ${shown === '' ? text : text.padEnd(EVENT_WIDTH)}`
    if (shown !== '') line += `  ${paint('dim', shown)}`
    for (const [, value] of rest) {
      const indent = ' '.repeat(BEFORE_EVENT)
      if (value instanceof Error) line += `\n${indent}${errorText(value, { colour, indent })}`
    }
    return `${line}\n`
  }
}

/** Local time: text is read by someone who sits in front of it. JSON has UTC with the date. */
function timeOfDay(atMs: number): string {
  const date = new Date(atMs)
  const two = (n: number) => String(n).padStart(2, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`
}
