/** A setting of a broker or topic, where the job may see it; not every user is allowed DescribeConfigs. */
import { isMillraceError } from '../../src/common/errors.ts'
import { describeConfigs } from './client/admin.ts'
import type { KafkaClient } from './client/client.ts'

type Resource = Parameters<typeof describeConfigs>[1]

/** Undefined where it is not set, or not allowed to be seen: the caller then goes by Kafka's default. */
export async function describeIfAllowed(client: KafkaClient, resource: Resource, name: string): Promise<string | undefined> {
  try {
    return (await describeConfigs(client, resource, [name])).get(name) ?? undefined
  } catch (error) {
    if (!isMillraceError(error, 'MR_KAFKA_AUTHORIZATION')) throw error
    client.logger.warn('setting-not-visible', { setting: name, ...resource })
    return undefined
  }
}
