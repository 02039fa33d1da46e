/** Who reads the output that is judged: one of Kafka's own clients, so that none of our code vouches for itself. */
import { javaTool } from '../../itest/support/java-tools.ts'
import { readCommitted as readWithJava } from '../../itest/support/read-committed.ts'
import type { Broker } from './broker.ts'
import { readWithConsoleConsumer } from './console-consumer.ts'
import { readCommitted as readOurselves } from './own-reader.ts'
import type { OutputRecord } from './verdict.ts'

export interface JudgeReader {
  /** For people. */
  readonly name: string
  /**
   * Every record of the topic that is committed now, in order within each partition.
   *
   * @param atLeast how many there are for certain
   */
  read(topic: string, atLeast: number): Promise<readonly OutputRecord[]>
}

/** In a container Kafka's tools are at hand; else Java runs its client; where that can't be had, our own fetcher, which is told. */
export async function judgeReader({ bootstrap, runTool }: Broker, tell: (line: string) => void): Promise<JudgeReader> {
  if (runTool !== undefined) {
    const read = (topic: string, atLeast: number) => readWithConsoleConsumer(runTool, topic, atLeast)
    return { name: "Kafka's console consumer", read }
  }
  try {
    await javaTool('ReadCommitted')
    return { name: "Kafka's Java client", read: (topic) => readWithJava({ bootstrap }, topic) }
  } catch (error) {
    const [reason] = (error as Error).message.split('\n')
    tell(`the output will be read by Millrace's own fetcher, as Kafka's Java client can't be had: ${reason}`)
    return { name: "Millrace's own fetcher, for want of Java", read: (topic) => readOurselves(bootstrap, topic) }
  }
}
