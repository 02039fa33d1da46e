/**
 * The topics of exchanges: their names, and how they are made and checked in recovery (R20). Those that exist already may
 * have been made by an operator beforehand: then no right to create topics is needed.
 */
import { createHash } from 'node:crypto'
import { MillraceError } from '../../../src/common/errors.ts'
import type { ExchangeSpec, ExchangeTopic } from '../../../src/ports/exchange.ts'
import { alterConfigs, createTopics } from '../client/admin.ts'
import { topicMissing, topicRefused } from '../client/client-errors.ts'
import type { ClusterAccess } from '../client/cluster-access.ts'
import { isRetriableCode, KafkaCode } from '../client/kafka-errors.ts'
import { Metadata, type TopicMetadata } from '../client/requests/metadata-request.ts'
import { retryUntil } from '../client/retry.ts'
import { checkSettings, REQUIRED } from '../internal-topics.ts'

/** A topic just created is known to all brokers some milliseconds later. */
const APPEAR_TIMEOUT_MS = 30_000
/** Kafka's limit for the name of a topic. */
const MAX_NAME_CHARS = 249
const MARK_CHARS = 12

/** Lowered by nobody: a frame goes as one record, and is larger than the records that the job read. */
const MIN_MAX_MESSAGE_BYTES = 16 * 1024 * 1024

/**
 * How a topic begins; left as it is later. Trimming gives back whole segments, so small ones keep the disk near what
 * retained checkpoints need; Kafka Streams takes 50 MiB for the same reason.
 */
const INITIAL = {
  'segment.bytes': String(64 * 1024 * 1024),
  'segment.ms': String(60 * 60 * 1000),
  'max.message.bytes': String(MIN_MAX_MESSAGE_BYTES),
} as const

/** `<app>.exchange.<exchange>`. Where Kafka would not take that, characters are replaced and a digest keeps it unique. */
export function exchangeTopic(applicationId: string, exchange: string): string {
  const name = `${applicationId}.exchange.${exchange}`
  const legal = name.replace(/[^a-zA-Z0-9._-]/g, '_')
  if (legal === name && name.length <= MAX_NAME_CHARS) return name
  const mark = createHash('sha256').update(name).digest('hex').slice(0, MARK_CHARS)
  return `${legal.slice(0, MAX_NAME_CHARS - MARK_CHARS - 1)}-${mark}`
}

export interface PrepareOptions {
  readonly applicationId: string
  /** -1: the broker's default. */
  readonly replicationFactor: number
}

/** `Exchange.partitionsOf` of the port. */
export async function existingPartitions(
  cluster: ClusterAccess,
  applicationId: string,
  exchange: string,
): Promise<number | undefined> {
  const topic = exchangeTopic(applicationId, exchange)
  return (await describeTopics(cluster, [topic], false)).get(topic)?.partitions.length
}

/** `Exchange.prepare` of the port. */
export async function prepareExchangeTopics(
  cluster: ClusterAccess,
  specs: readonly ExchangeSpec[],
  { applicationId, replicationFactor }: PrepareOptions,
): Promise<readonly ExchangeTopic[]> {
  if (specs.length === 0) return []
  const wanted = specs.map((spec) => ({ ...spec, topic: exchangeTopic(applicationId, spec.exchange) }))
  const names = wanted.map(({ topic }) => topic)
  const before = await describeTopics(cluster, names, false)
  const missing = wanted.filter(({ topic }) => !before.has(topic))
  const configs = { ...REQUIRED, ...INITIAL }
  const toCreate = missing.map(({ topic, partitions }) => ({ name: topic, partitions, replicationFactor, configs }))
  const created = new Set(toCreate.length === 0 ? [] : await createTopics(cluster, toCreate))
  const found = toCreate.length === 0 ? before : await describeTopics(cluster, names, true)
  const topics = wanted.map(({ exchange, partitions, topic }): ExchangeTopic => {
    const { topicId, partitions: present } = found.get(topic) as TopicMetadata
    if (present.length !== partitions) throw otherPartitions(topic, partitions, present.length)
    return { exchange, identity: topicId ?? topic, partitions: present.length, topic }
  })
  await Promise.all(names.map((topic) => mendSettings(cluster, topic, created.has(topic))))
  return topics
}

/**
 * By name; without `mustExist` those that there are. Asked of the brokers each time: what the client has learnt may be older
 * than a topic made a moment ago.
 */
function describeTopics(
  cluster: ClusterAccess,
  names: readonly string[],
  mustExist: boolean,
): Promise<ReadonlyMap<string, TopicMetadata>> {
  return retryUntil(cluster, APPEAR_TIMEOUT_MS, async () => {
    const { topics } = await cluster.request('any', Metadata, { topics: names })
    const found = new Map<string, TopicMetadata>()
    for (const topic of topics) {
      const { name, errorCode } = topic
      if (errorCode === 0) found.set(name, topic)
      else if (errorCode === KafkaCode.unknownTopicOrPartition && !mustExist) continue
      else if (isRetriableCode(errorCode)) return { retry: topicMissing(name, errorCode) }
      else throw topicRefused(name, errorCode)
    }
    return { result: found }
  })
}

/** Somebody may have changed the topic since: checked at each recovery, and put right with a warning. */
async function mendSettings(cluster: ClusterAccess, topic: string, isNew: boolean): Promise<void> {
  const { wrong: required, found } = await checkSettings(cluster, topic, ['max.message.bytes'])
  const wrong: Record<string, string> = { ...required }
  if (Number(found.get('max.message.bytes')) < MIN_MAX_MESSAGE_BYTES) wrong['max.message.bytes'] = String(MIN_MAX_MESSAGE_BYTES)
  const settings = Object.keys(wrong)
  if (settings.length === 0) return
  if (!isNew) cluster.logger.warn('exchange-topic-settings-mended', { topic, settings: settings.join(', ') })
  await alterConfigs(cluster, { topic }, wrong)
}

function otherPartitions(topic: string, wanted: number, present: number): MillraceError {
  return new MillraceError(
    'MR_EXCHANGE_PARTITIONS',
    `exchange topic ${topic} has ${present} partitions, the job asks for ${wanted}`,
    { details: { topic, partitions: present, wantedPartitions: wanted } },
  )
}
