/** Reads a topic by Kafka's console consumer, which runs inside the broker's container: no Java needed on this machine. */
import type { KafkaServer } from '../../itest/support/server-types.ts'
import type { OutputRecord } from './verdict.ts'

/** Where a broker in a container reaches itself (`internal` in itest/support/kafka-docker.ts). */
const INSIDE = '127.0.0.1:9094'

/** The tool ends when nothing came for so long: soon, and for a machine that stands still a second, patient time. */
const PATIENCE_MS = [3_000, 30_000] as const

export async function readWithConsoleConsumer(
  runTool: KafkaServer['runTool'],
  topic: string,
  atLeast: number,
): Promise<OutputRecord[]> {
  let records: OutputRecord[] = []
  for (const patienceMs of PATIENCE_MS) {
    const { stdout, stderr, exitCode } = await runTool('org.apache.kafka.tools.consumer.ConsoleConsumer', [
      ...['--bootstrap-server', INSIDE, '--topic', topic, '--from-beginning', '--isolation-level', 'read_committed'],
      ...['--property', 'print.partition=true', '--property', 'print.key=true', '--timeout-ms', String(patienceMs)],
    ])
    if (exitCode !== 0) throw new Error(`Kafka's console consumer ended with code ${exitCode}:\n${stderr}`)
    records = stdout.split('\n').filter(Boolean).map(parse)
    if (records.length >= atLeast) break
  }
  return records
}

/** `Partition:2<tab>DTW<tab>{"key":"DTW",…}`: neither keys nor values of the demo hold a tab. */
function parse(line: string): OutputRecord {
  const [, partition, key = '', value = ''] = /^Partition:(\d+)\t([^\t]*)\t(.*)$/.exec(line) ?? []
  if (partition === undefined) throw new Error(`Kafka's console consumer wrote a line of another form: ${line}`)
  return { partition: Number(partition), key: Buffer.from(key), value: Buffer.from(value) }
}
