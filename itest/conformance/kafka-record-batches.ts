/** Kafka's own view of record batches: `RecordBatches.java` and the log dump tool, run over its jars. */
import { fileURLToPath } from 'node:url'
import { javaProgram } from '../support/java.ts'
import { kafkaJars } from '../support/kafka-jars.ts'
import { mustRun } from '../support/run-command.ts'

/** As `RecordBatches.java` prints a record: bytes in hex, or of long ones length and digest. */
export interface DescribedRecord {
  readonly offset: number
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: ReadonlyArray<{ key: string; value: string | null }>
}

export interface DescribedBatch {
  readonly baseOffset: number
  readonly lastOffset: number
  readonly byteLength: number
  readonly partitionLeaderEpoch: number
  readonly compression: string
  readonly timestampType: string
  readonly isTransactional: boolean
  readonly isControl: boolean
  readonly maxTimestamp: number
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
  readonly recordCount: number
  /** The type in a control batch's key. */
  readonly control?: string
  readonly records: readonly DescribedRecord[]
}

/** Writes batches of every kind to `path`, or one of the format from before Kafka 0.11. */
export async function writeWithJava(path: string, kind: 'write' | 'write-old'): Promise<void> {
  await recordBatches(kind, path)
}

export interface JavaDescription {
  readonly batches: DescribedBatch[]
  /** How many of the batches carry a delete horizon, which shifts what their base timestamp means. */
  readonly withDeleteHorizon: number
}

/** What Kafka reads in `path`; it has checked every checksum and record. */
export async function describeWithJava(path: string): Promise<JavaDescription> {
  const described = (await recordBatches('describe', path)).map((line) => JSON.parse(line))
  const batches = described.map(({ hasDeleteHorizon: _, ...batch }) => batch as DescribedBatch)
  return { batches, withDeleteHorizon: described.filter((batch) => batch.hasDeleteHorizon).length }
}

/** Hash and partition (of 12) of each key; the file holds a key in hex a line. */
export async function hashWithJava(path: string): Promise<Array<{ hash: number; partition: number }>> {
  return (await recordBatches('hash', path)).map((line) => {
    const [hash, partition] = line.split(' ').map(Number)
    return { hash: hash as number, partition: partition as number }
  })
}

/** What kafka-dump-log.sh prints of a segment (named by its first offset), records included. */
export async function dumpLogSegment(path: string): Promise<string> {
  const options = ['--deep-iteration', '--print-data-log', '--files', path]
  return (await java('kafka.tools.DumpLogSegments', options)).stdout
}

async function recordBatches(mode: string, path: string): Promise<string[]> {
  const source = fileURLToPath(new URL('RecordBatches.java', import.meta.url))
  const { stdout } = await java(source, [mode, path])
  return stdout.split('\n').filter((line) => line !== '')
}

/** A class of the jars by its name, or a source file, which the launcher compiles. */
async function java(program: string, args: readonly string[]) {
  const { classPath } = await kafkaJars()
  const options = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn']
  return mustRun(javaProgram('java'), [...options, '-cp', classPath, program, ...args])
}
