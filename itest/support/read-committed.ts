/**
 * What a read_committed reader sees, as Kafka's own Java client sees it (ReadCommitted.java). Tests hold our output
 * against this, so none of our code may take part, nor kafkajs: its filter lets aborted records through.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { javaTool } from './java-tools.ts'
import { guard, release } from './leftovers.ts'
import { lastLines } from './run-command.ts'
import type { KafkaServer } from './server-types.ts'

export interface CommittedRecord {
  readonly partition: number
  readonly offset: number
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly CommittedHeader[]
}

export interface CommittedHeader {
  readonly name: string
  readonly value: Buffer | null
}

type Server = Pick<KafkaServer, 'bootstrap'>

/** Every committed record of the topic up to its last stable offsets as they are now, by partition and offset. */
export async function readCommitted(server: Server, topic: string): Promise<CommittedRecord[]> {
  const records: CommittedRecord[] = []
  for await (const record of read(server, topic, [])) records.push(record)
  return records.sort((one, other) => one.partition - other.partition || one.offset - other.offset)
}

/**
 * The topic's committed records from its beginning, each when it is committed, in order within its partition. Goes on
 * until the loop is left, the signal is aborted, or the test's process ends.
 */
export async function* followCommitted(
  server: Server,
  topic: string,
  signal?: AbortSignal,
): AsyncGenerator<CommittedRecord, void, void> {
  yield* read(server, topic, ['follow'], signal)
  if (signal?.aborted !== true) throw new Error(`the reader of ${topic} ended by itself`)
}

async function* read(
  server: Server,
  topic: string,
  options: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<CommittedRecord, void, void> {
  const { program, args } = await javaTool('ReadCommitted')
  const reader = spawn(program, [...args, server.bootstrap, topic, ...options], { stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = once(reader, 'close')
  const pid = reader.pid
  if (pid !== undefined) guard('pid', pid)
  let complaints = ''
  reader.stderr.on('data', (chunk: Buffer) => {
    complaints = lastLines(complaints + chunk, 60)
  })
  const kill = () => reader.kill('SIGKILL')
  signal?.addEventListener('abort', kill, { once: true })
  try {
    for await (const line of createInterface({ input: reader.stdout })) yield parse(line)
    const [exitCode] = await ended
    if (exitCode !== 0 && signal?.aborted !== true)
      throw new Error(`the reader of ${topic} ended with code ${exitCode}:\n${complaints}`)
  } finally {
    signal?.removeEventListener('abort', kill)
    kill()
    await ended
    if (pid !== undefined) release('pid', pid)
  }
}

function parse(line: string): CommittedRecord {
  const [partition, offset, timestamp, key = '-', value = '-', ...headers] = line.split(' ')
  return {
    partition: Number(partition),
    offset: Number(offset),
    timestamp: Number(timestamp),
    key: bytes(key),
    value: bytes(value),
    headers: headers.map(parseHeader),
  }
}

function parseHeader(text: string): CommittedHeader {
  const [name = '', value = '-'] = text.split(':')
  return { name: Buffer.from(name, 'base64').toString(), value: bytes(value) }
}

function bytes(text: string): Buffer | null {
  return text === '-' ? null : Buffer.from(text, 'base64')
}
