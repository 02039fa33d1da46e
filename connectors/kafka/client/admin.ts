/** What is asked of the cluster now and then: topics, their settings, offsets, commits of a group. Each retries by itself. */
import { MillraceError } from '../../../src/common/errors.ts'
import { isWorthRetrying, topicMissing } from './client-errors.ts'
import type { ClusterAccess } from './cluster-access.ts'
import { isAuthorizationCode, isRetriableCode, KafkaCode, kafkaErrorName } from './kafka-errors.ts'
import { refusedBy } from './request-type.ts'
import { type ConfigResource, DescribeConfigs, IncrementalAlterConfigs } from './requests/config-requests.ts'
import {
  EARLIEST_TIMESTAMP,
  LATEST_TIMESTAMP,
  type ListedOffset,
  ListOffsets,
  OffsetCommit,
  OffsetFetch,
  type TopicPartition,
} from './requests/offset-requests.ts'
import {
  CreatePartitions,
  CreateTopics,
  DeleteRecords,
  DeleteTopics,
  type NewTopic,
  type TopicResult,
  type TrimTarget,
} from './requests/topic-requests.ts'
import { type Attempt, askCoordinator, retryUntil } from './retry.ts'

const DEFAULT_TIMEOUT_MS = 30_000

/** Resolves with the topics that this call made; one that was there already is left as it is and not among them. */
export async function createTopics(
  cluster: ClusterAccess,
  topics: readonly NewTopic[],
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<readonly string[]> {
  const results = await controllerRequest(cluster, 'CreateTopics', timeoutMs, () =>
    cluster.request('controller', CreateTopics, { topics, timeoutMs }),
  )
  for (const result of results) {
    if (result.errorCode !== 0 && result.errorCode !== KafkaCode.topicAlreadyExists) {
      throw refused('CreateTopics', result.errorCode, result.message, `topic ${result.topic}`)
    }
  }
  return results.filter((result) => result.errorCode === 0).map((result) => result.topic)
}

/** A topic that isn't there is no error. */
export async function deleteTopics(
  cluster: ClusterAccess,
  topics: readonly string[],
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<void> {
  const results = await controllerRequest(cluster, 'DeleteTopics', timeoutMs, () =>
    cluster.request('controller', DeleteTopics, { topics, timeoutMs }),
  )
  for (const { topic, errorCode, message } of results) {
    if (errorCode !== 0 && errorCode !== KafkaCode.unknownTopicOrPartition) {
      throw refused('DeleteTopics', errorCode, message, `topic ${topic}`)
    }
  }
}

/** Raises a topic's number of partitions to `count`. */
export async function createPartitions(
  cluster: ClusterAccess,
  topic: string,
  count: number,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<void> {
  const results = await controllerRequest(cluster, 'CreatePartitions', timeoutMs, () =>
    cluster.request('controller', CreatePartitions, { topics: [{ name: topic, count }], timeoutMs }),
  )
  for (const { errorCode, message } of results) {
    if (errorCode !== 0) throw refused('CreatePartitions', errorCode, message, `topic ${topic}`)
  }
}

/** Settings as Kafka writes them; `names` null: all. A value is null where the broker keeps it secret. */
export async function describeConfigs(
  cluster: ClusterAccess,
  resource: ConfigResource,
  names: readonly string[] | null,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<ReadonlyMap<string, string | null>> {
  const what = resourceName(resource)
  return retryUntil(cluster, timeoutMs, async () => {
    const target = 'broker' in resource ? resource.broker : 'any'
    const result = (await cluster.request(target, DescribeConfigs, { resource, names }))[0]
    if (result === undefined) throw refusedBy('DescribeConfigs', KafkaCode.unknownServerError, 'an empty answer', what)
    if (result.errorCode === 0) return { result: result.values }
    if (result.errorCode === KafkaCode.unknownTopicOrPartition) throw topicMissing(what, result.errorCode)
    return retryOrThrow('DescribeConfigs', result.errorCode, result.message, what)
  })
}

/** Sets the named settings, leaves the others. */
export async function alterConfigs(
  cluster: ClusterAccess,
  resource: ConfigResource,
  set: Readonly<Record<string, string>>,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<void> {
  const what = resourceName(resource)
  await retryUntil(cluster, timeoutMs, async () => {
    const result = (
      await cluster.request('broker' in resource ? resource.broker : 'any', IncrementalAlterConfigs, { resource, set })
    )[0]
    if (result === undefined || result.errorCode === 0) return { result: undefined }
    return retryOrThrow('IncrementalAlterConfigs', result.errorCode, result.message, what)
  })
}

/** `earliest`, `latest` (with `read_committed`: the last stable offset), or the first record at or behind a time in ms. */
export type OffsetSpec = 'earliest' | 'latest' | { readonly timestampMs: number }

export interface PartitionOffset extends TopicPartition {
  /** -1: no record is at or behind that time. */
  readonly offset: number
}

export interface ListOffsetsOptions {
  readonly isolation?: 'read_committed' | 'read_uncommitted'
  readonly timeoutMs?: number
}

/** One offset for each partition given, in their order. */
export async function listOffsets(
  cluster: ClusterAccess,
  partitions: readonly TopicPartition[],
  spec: OffsetSpec,
  options: ListOffsetsOptions = {},
): Promise<readonly PartitionOffset[]> {
  const timestamp = spec === 'earliest' ? EARLIEST_TIMESTAMP : spec === 'latest' ? LATEST_TIMESTAMP : spec.timestampMs
  const readCommitted = options.isolation === 'read_committed'
  const found = new Map<string, number>()
  const keyOf = ({ topic, partition }: TopicPartition): string => `${topic}:${partition}`
  const topics = [...new Set(partitions.map((partition) => partition.topic))]
  if (topics.some((topic) => cluster.partitionCount(topic) === undefined)) await cluster.refreshMetadata(topics)
  await eachLeader(
    cluster,
    partitions,
    options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    'ListOffsets',
    async (leader, targets): Promise<readonly ListedOffset[]> =>
      cluster.request(leader, ListOffsets, { readCommitted, targets: targets.map((target) => ({ ...target, timestamp })) }),
    (listed) => found.set(keyOf(listed), listed.offset),
  )
  return partitions.map(({ topic, partition }) => ({ topic, partition, offset: found.get(keyOf({ topic, partition })) ?? -1 }))
}

/** Cuts logs off before an offset; -1: everything that is committed. Offsets already cut off are no error. */
export async function deleteRecords(
  cluster: ClusterAccess,
  targets: readonly TrimTarget[],
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<void> {
  const topics = [...new Set(targets.map((target) => target.topic))]
  if (topics.some((topic) => cluster.partitionCount(topic) === undefined)) await cluster.refreshMetadata(topics)
  await eachLeader(
    cluster,
    targets,
    timeoutMs,
    'DeleteRecords',
    (leader, own) => cluster.request(leader, DeleteRecords, { targets: own as readonly TrimTarget[], timeoutMs }),
    () => {},
  )
}

export interface GroupOffset extends TopicPartition {
  readonly offset: number
  readonly metadata?: string
}

/** Commits as no member of the group ("simple", generation -1); as a member: with its generation and id. */
export async function commitOffsets(
  cluster: ClusterAccess,
  group: string,
  offsets: readonly GroupOffset[],
  options: { readonly generation?: number; readonly memberId?: string; readonly timeoutMs?: number } = {},
): Promise<void> {
  if (offsets.length === 0) return
  const { generation = -1, memberId = '', timeoutMs = DEFAULT_TIMEOUT_MS } = options
  await askCoordinator(
    cluster,
    { group },
    timeoutMs,
    () => cluster.request({ group }, OffsetCommit, { groupId: group, generation, memberId, offsets }),
    (results): Attempt<undefined> => {
      const failed = results.find((result) => result.errorCode !== 0)
      if (failed === undefined) return { result: undefined }
      return retryOrThrow('OffsetCommit', failed.errorCode, null, `group ${group}, ${failed.topic}-${failed.partition}`)
    },
  )
}

/** What a group has committed; -1 where nothing. */
export async function fetchCommittedOffsets(
  cluster: ClusterAccess,
  group: string,
  partitions: readonly TopicPartition[],
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<readonly PartitionOffset[]> {
  return askCoordinator(
    cluster,
    { group },
    timeoutMs,
    () => cluster.request({ group }, OffsetFetch, { groupId: group, partitions }),
    (answer): Attempt<readonly PartitionOffset[]> => {
      const code = answer.errorCode || (answer.offsets.find((item) => item.errorCode !== 0)?.errorCode ?? 0)
      if (code !== 0) return retryOrThrow('OffsetFetch', code, null, `group ${group}`)
      return { result: answer.offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset })) }
    },
  )
}

/** Sends a request to the leader of each partition, again for those that fail, until all have succeeded. */
async function eachLeader<Target extends TopicPartition, Result extends TopicPartition & { errorCode: number }>(
  cluster: ClusterAccess,
  partitions: readonly Target[],
  timeoutMs: number,
  name: string,
  send: (leader: number, targets: readonly Target[]) => Promise<readonly Result[]>,
  onResult: (result: Result) => void,
): Promise<void> {
  let left = [...partitions]
  const topics = [...new Set(partitions.map((partition) => partition.topic))]
  const refresh = (): Promise<void> => cluster.refreshMetadata(topics)
  await retryUntil(
    cluster,
    timeoutMs,
    async () => {
      const byLeader = Map.groupBy(left, ({ topic, partition }) => cluster.leaderOf(topic, partition) ?? -1)
      const missing = byLeader.get(-1)?.[0]
      byLeader.delete(-1)
      const outcomes = await Promise.allSettled([...byLeader].map(([leader, targets]) => send(leader, targets)))
      let reason: Error | undefined
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') {
          if (!isWorthRetrying(outcome.reason)) throw outcome.reason
          reason = outcome.reason
          continue
        }
        for (const result of outcome.value) {
          if (result.errorCode === 0) {
            left = left.filter(({ topic, partition }) => topic !== result.topic || partition !== result.partition)
            onResult(result)
          } else {
            reason = retryOrThrow(name, result.errorCode, null, `${result.topic}-${result.partition}`).retry
          }
        }
      }
      if (left.length === 0) return { result: undefined }
      await refresh()
      if (reason !== undefined) return { retry: reason }
      return { retry: missing === undefined ? refusedBy(name, -1, 'an incomplete answer') : leaderless(cluster, missing) }
    },
    refresh,
  )
}

function leaderless(cluster: ClusterAccess, { topic, partition }: TopicPartition): MillraceError {
  const count = cluster.partitionCount(topic)
  if (count === undefined) return topicMissing(topic, cluster.topicError(topic) || KafkaCode.unknownTopicOrPartition)
  if (partition >= count) {
    return new MillraceError(
      'MR_KAFKA_TOPIC_MISSING',
      `topic ${topic} has ${count} partitions, there is no partition ${partition}`,
      {
        details: { topic, partition, count },
      },
    )
  }
  return new MillraceError('MR_KAFKA_UNREACHABLE', `partition ${partition} of topic ${topic} has no leader`, {
    details: { topic, partition },
  })
}

/** Retries whatever goes to the controller while that moves. */
function controllerRequest(
  cluster: ClusterAccess,
  name: string,
  timeoutMs: number,
  ask: () => Promise<readonly TopicResult[]>,
): Promise<readonly TopicResult[]> {
  return retryUntil(cluster, timeoutMs, async (): Promise<Attempt<readonly TopicResult[]>> => {
    const results = await ask()
    const moved = results.find(
      (result) => isRetriableCode(result.errorCode) && result.errorCode !== KafkaCode.unknownTopicOrPartition,
    )
    if (moved === undefined) return { result: results }
    await cluster.refreshMetadata()
    return { retry: refused(name, moved.errorCode, moved.message, `topic ${moved.topic}`) }
  })
}

function retryOrThrow(request: string, code: number, message: string | null, what: string): { retry: MillraceError } {
  const error = refused(request, code, message, what)
  if (!isRetriableCode(code)) throw error
  return { retry: error }
}

function refused(request: string, code: number, message: string | null, what: string): MillraceError {
  if (isAuthorizationCode(code)) {
    return new MillraceError(
      'MR_KAFKA_AUTHORIZATION',
      `${request} for ${what} is not allowed: Kafka answers ${kafkaErrorName(code)}`,
      {
        details: { request, what, kafkaError: kafkaErrorName(code) },
      },
    )
  }
  if (code === KafkaCode.unknownTopicOrPartition) return topicMissing(what, code)
  return refusedBy(request, code, message, what)
}

function resourceName(resource: ConfigResource): string {
  return 'topic' in resource ? `topic ${resource.topic}` : `broker ${resource.broker}`
}
