/** Who reads the output that is judged: Kafka's own Java client, so that none of our code vouches for itself. */
import { javaTool } from '../../itest/support/java-tools.ts'
import { readCommitted as readWithJava } from '../../itest/support/read-committed.ts'
import { readCommitted as readOurselves } from './own-reader.ts'
import type { OutputRecord } from './verdict.ts'

export interface JudgeReader {
  /** For people. */
  readonly name: string
  /** Every record of the topic that is committed now, in order within each partition. */
  read(bootstrap: string, topic: string): Promise<readonly OutputRecord[]>
}

/** Where Java can't be had our own fetcher takes its place, which is told. */
export async function judgeReader(tell: (line: string) => void): Promise<JudgeReader> {
  try {
    await javaTool('ReadCommitted')
    return { name: "Kafka's Java client", read: (bootstrap, topic) => readWithJava({ bootstrap }, topic) }
  } catch (error) {
    const [reason] = (error as Error).message.split('\n')
    tell(`the output will be read by Millrace's own fetcher, as Kafka's Java client can't be had: ${reason}`)
    return { name: "Millrace's own fetcher, read_committed (without Java)", read: readOurselves }
  }
}
