/** What a topic takes at most: a batch above it would be refused, and the job with it. */
import type { KafkaClient } from '../client/client.ts'
import { describeIfAllowed } from '../describe-if-allowed.ts'

export async function maxBatchBytes(client: KafkaClient, topic: string): Promise<number> {
  return Number((await describeIfAllowed(client, { topic }, 'max.message.bytes')) ?? Number.POSITIVE_INFINITY)
}
