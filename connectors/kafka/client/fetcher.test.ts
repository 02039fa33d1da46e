import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { isMillraceError } from '../../../src/common/errors.ts'
import { connectionLost } from './connection-errors.ts'
import { Fetcher, type FetcherOptions } from './fetcher.ts'
import { KafkaCode } from './kafka-errors.ts'
import { Fetch, type FetchedPartition, type FetchInput } from './requests/fetch-request.ts'
import { ListOffsets } from './requests/offset-requests.ts'
import { buildTestBatch, fetchedPartition, ScriptedCluster } from './testing.ts'

const fetchers: Fetcher[] = []
afterEach(() => {
  for (const fetcher of fetchers.splice(0)) fetcher.close()
})

function setUp(options: Partial<FetcherOptions> = {}) {
  const cluster = new ScriptedCluster().lead('t', 0, 1).lead('t', 1, 1).lead('t', 2, 2)
  const fetcher = new Fetcher(cluster, {
    isolation: 'read_uncommitted',
    retryBackoff: { firstMs: 1, maxMs: 2 },
    ...options,
  })
  fetchers.push(fetcher)
  return { cluster, fetcher }
}

const at = (partition: number, offset = 0) => ({ topic: 't', partition, offset })
const answer = (...partitions: FetchedPartition[]) => ({ errorCode: 0, partitions })
const batch = (baseOffset: number, ...values: string[]) => buildTestBatch({ baseOffset, values })
const offsetsOf = (input: FetchInput) => input.targets.map(({ partition, offset }) => [partition, offset])

test('one fetch to each broker, for all its partitions; the next goes out before the answer is read', async () => {
  const { cluster, fetcher } = setUp()
  fetcher.assign([at(0, 5), at(1), at(2)])
  const requests = [await cluster.next(Fetch), await cluster.next(Fetch)].sort((a, b) => Number(a.target) - Number(b.target))
  assert.deepEqual(
    requests.map(({ target, input }) => [target, offsetsOf(input)]),
    [
      [
        1,
        [
          [0, 5],
          [1, 0],
        ],
      ],
      [2, [[2, 0]]],
    ],
  )
  await cluster.none(Fetch)
  assert.equal(fetcher.poll(), undefined)
  const available = fetcher.whenAvailable()
  requests[0]?.answer(answer(fetchedPartition('t', 0, [batch(5, 'a', 'b')]), fetchedPartition('t', 1, [])))
  await available
  const next = await cluster.next(Fetch)
  assert.deepEqual(offsetsOf(next.input).sort(), [
    [0, 7],
    [1, 0],
  ])
  const read = fetcher.poll()
  assert.equal(read?.records?.count, 2)
  assert.equal(fetcher.position('t', 0), 7)
  assert.equal(fetcher.poll(), undefined)
})

test('partitions take turns', async () => {
  const { cluster, fetcher } = setUp()
  fetcher.assign([at(0), at(1)])
  const { answer: reply } = await cluster.next(Fetch)
  reply(
    answer(
      fetchedPartition('t', 0, [batch(0, 'a'), batch(1, 'b'), batch(2, 'c')]),
      fetchedPartition('t', 1, [batch(0, 'x'), batch(1, 'y')]),
    ),
  )
  await fetcher.whenAvailable()
  const turns: unknown[] = []
  for (let read = fetcher.poll(); read !== undefined; read = fetcher.poll()) turns.push(read.partition)
  assert.deepEqual(turns, [0, 1, 0, 1, 0])
})

test('what is buffered stays within the budget; reading lets the next fetch go', async () => {
  const big = 'v'.repeat(400)
  const { cluster, fetcher } = setUp({ budgetBytes: () => 1_000, maxBytesPerPartition: 10_000 })
  fetcher.assign([at(0)])
  const first = await cluster.next(Fetch)
  assert.equal(first.input.maxBytes, 500)
  first.answer(answer(fetchedPartition('t', 0, [batch(0, big)])))
  const second = await cluster.next(Fetch)
  second.answer(answer(fetchedPartition('t', 0, [batch(1, big)])))
  await cluster.none(Fetch)
  assert.ok(fetcher.bufferedBytes > 900)
  fetcher.poll()
  assert.deepEqual(offsetsOf((await cluster.next(Fetch)).input), [[0, 2]])
})

test('a budget that changes holds for the next fetch', async () => {
  let budget = 1_000
  const { cluster, fetcher } = setUp({ budgetBytes: () => budget, maxBytesPerPartition: 10_000 })
  fetcher.assign([at(0)])
  const first = await cluster.next(Fetch)
  assert.equal(first.input.maxBytes, 500)
  budget = 4_000
  first.answer(answer(fetchedPartition('t', 0, [batch(0, 'a')])))
  const second = await cluster.next(Fetch)
  assert.equal(second.input.maxBytes, 2_000)
  budget = 100
  second.answer(answer(fetchedPartition('t', 0, [batch(1, 'b'.repeat(400))])))
  await cluster.none(Fetch)
})

test('a partition with much unread is left out, and the others do not wait long for news meanwhile', async () => {
  const { cluster, fetcher } = setUp({ maxBytesPerPartition: 100, maxWaitMs: 500 })
  fetcher.assign([at(0), at(1)])
  const first = await cluster.next(Fetch)
  assert.equal(first.input.maxWaitMs, 500)
  first.answer(answer(fetchedPartition('t', 0, [batch(0, 'a'.repeat(150))]), fetchedPartition('t', 1, [])))
  const partial = await cluster.next(Fetch)
  assert.deepEqual(offsetsOf(partial.input), [[1, 0]])
  assert.ok(partial.input.maxWaitMs < 50)
  fetcher.poll()
  partial.answer(answer(fetchedPartition('t', 1, [])))
  const next = await cluster.next(Fetch)
  assert.deepEqual(offsetsOf(next.input).sort(), [
    [0, 1],
    [1, 0],
  ])
  assert.equal(next.input.maxWaitMs, 500)
})

test('who was served stands behind those who were not', async () => {
  const { cluster, fetcher } = setUp()
  fetcher.assign([at(0), at(1)])
  const first = await cluster.next(Fetch)
  first.answer(answer(fetchedPartition('t', 0, [batch(0, 'a')]), fetchedPartition('t', 1, [])))
  assert.deepEqual(offsetsOf((await cluster.next(Fetch)).input), [
    [1, 0],
    [0, 1],
  ])
})

test('a paused partition is not polled, has a little ready when it goes on', async () => {
  const { cluster, fetcher } = setUp()
  fetcher.assign([at(0), at(1)])
  fetcher.pause('t', 0)
  const first = await cluster.next(Fetch)
  assert.deepEqual(offsetsOf(first.input), [
    [0, 0],
    [1, 0],
  ])
  first.answer(answer(fetchedPartition('t', 0, [batch(0, 'a')]), fetchedPartition('t', 1, [])))
  const next = await cluster.next(Fetch)
  assert.deepEqual(offsetsOf(next.input), [[1, 0]])
  assert.equal(fetcher.poll(), undefined)
  const available = fetcher.whenAvailable()
  fetcher.resume('t', 0)
  await available
  assert.equal(fetcher.poll()?.records?.count, 1)
})

test('paused partitions give up their buffer rather than stop the others', async () => {
  const big = 'v'.repeat(600)
  const { cluster, fetcher } = setUp({ budgetBytes: () => 1_000 })
  fetcher.assign([at(0), at(1)])
  fetcher.pause('t', 0)
  const first = await cluster.next(Fetch)
  first.answer(answer(fetchedPartition('t', 0, [batch(0, big)]), fetchedPartition('t', 1, [])))
  const second = await cluster.next(Fetch)
  assert.deepEqual(offsetsOf(second.input), [[1, 0]])
  second.answer(answer(fetchedPartition('t', 1, [])))
  assert.deepEqual(offsetsOf((await cluster.next(Fetch)).input), [[1, 0]])
  assert.equal(fetcher.bufferedBytes, 0)
  fetcher.resume('t', 0)
  assert.equal(fetcher.position('t', 0), 0)
})

test('an offset out of range fails with what there is, and is never reset', async () => {
  const { cluster, fetcher } = setUp()
  fetcher.assign([at(0, 5)])
  const first = await cluster.next(Fetch)
  const available = fetcher.whenAvailable()
  first.answer(answer({ ...fetchedPartition('t', 0, []), errorCode: KafkaCode.offsetOutOfRange }))
  for (const offset of [100, 250]) {
    const list = await cluster.next(ListOffsets)
    list.answer([{ topic: 't', partition: 0, errorCode: 0, timestamp: -1, offset }])
  }
  await assert.rejects(available, (error) => {
    assert.ok(isMillraceError(error, 'MR_KAFKA_OFFSET_OUT_OF_RANGE'))
    assert.deepEqual(error.details, {
      topic: 't',
      partition: 0,
      askedOffset: 5,
      earliestOffset: 100,
      latestOffset: 250,
    })
    return true
  })
  assert.throws(
    () => fetcher.poll(),
    (error) => isMillraceError(error, 'MR_KAFKA_OFFSET_OUT_OF_RANGE'),
  )
})

test('a leader that was mistaken about the range is asked again', async () => {
  const { cluster, fetcher } = setUp()
  fetcher.assign([at(0, 5)])
  const first = await cluster.next(Fetch)
  first.answer(answer({ ...fetchedPartition('t', 0, []), errorCode: KafkaCode.offsetOutOfRange }))
  for (const offset of [0, 5]) {
    const list = await cluster.next(ListOffsets)
    list.answer([{ topic: 't', partition: 0, errorCode: 0, timestamp: -1, offset }])
  }
  assert.deepEqual(offsetsOf((await cluster.next(Fetch)).input), [[0, 5]])
})

test('a leader that moved is found, and the others of the old broker go on meanwhile', async () => {
  const { cluster, fetcher } = setUp()
  fetcher.assign([at(0), at(1)])
  cluster.onRefresh = () => cluster.lead('t', 0, 2)
  const first = await cluster.next(Fetch)
  first.answer(
    answer({ ...fetchedPartition('t', 0, []), errorCode: KafkaCode.notLeaderOrFollower }, fetchedPartition('t', 1, [])),
  )
  const next = [await cluster.next(Fetch), await cluster.next(Fetch)].sort((a, b) => Number(a.target) - Number(b.target))
  assert.deepEqual(
    next.map(({ target, input }) => [target, offsetsOf(input)]),
    [
      [1, [[1, 0]]],
      [2, [[0, 0]]],
    ],
  )
})

test('a broken connection is opened again, for as long as it takes', async () => {
  const { cluster, fetcher } = setUp()
  fetcher.assign([at(0)])
  for (let round = 0; round < 5; round++) {
    const request = await cluster.next(Fetch)
    request.fail(connectionLost('broker 1', undefined))
  }
  const request = await cluster.next(Fetch)
  request.answer(answer(fetchedPartition('t', 0, [batch(0, 'a')])))
  await fetcher.whenAvailable()
  assert.equal(fetcher.poll()?.records?.count, 1)
  assert.equal(fetcher.stats.retries, 5)
})

test('a topic that stays missing fails after a while', async () => {
  const { cluster, fetcher } = setUp({ missingTimeoutMs: 30 })
  cluster.topicErrors.set('gone', KafkaCode.unknownTopicOrPartition)
  fetcher.assign([{ topic: 'gone', partition: 0, offset: 0 }])
  const startedMs = performance.now()
  await assert.rejects(fetcher.whenAvailable(), (error) => isMillraceError(error, 'MR_KAFKA_TOPIC_MISSING'))
  assert.ok(performance.now() - startedMs >= 25)
})

test('a partition that the leader does not know for a moment comes back', async () => {
  const { cluster, fetcher } = setUp()
  fetcher.assign([at(0)])
  const first = await cluster.next(Fetch)
  first.answer(answer({ ...fetchedPartition('t', 0, []), errorCode: KafkaCode.unknownTopicOrPartition }))
  const again = await cluster.next(Fetch)
  again.answer(answer(fetchedPartition('t', 0, [batch(0, 'a')])))
  await fetcher.whenAvailable()
})

test('a damaged batch is fetched again, and fails when it stays damaged', async () => {
  const good = batch(0, 'a', 'b')
  const damaged = Buffer.from(good)
  damaged[damaged.length - 1] = 0xff
  const { cluster, fetcher } = setUp()
  fetcher.assign([at(0)])
  let fetchesOfStart = 0
  const answering = (async () => {
    while (fetcher.position('t', 0) === 0) {
      const request = await cluster.next(Fetch, 50).catch(() => undefined)
      // What was fetched ahead of the damage is answered too, and must be dropped.
      const isStart = request?.input.targets[0]?.offset === 0
      if (isStart) fetchesOfStart++
      request?.answer(answer(fetchedPartition('t', 0, [isStart ? (fetchesOfStart === 1 ? damaged : good) : batch(2, 'c')])))
    }
  })()
  for (let read = fetcher.poll(); read === undefined; read = fetcher.poll()) await fetcher.whenAvailable()
  assert.deepEqual([fetcher.position('t', 0), fetchesOfStart], [2, 2])
  await answering

  const { cluster: other, fetcher: unlucky } = setUp()
  unlucky.assign([at(0)])
  const failing = (async () => {
    while (unlucky.failure === undefined) {
      const request = await other.next(Fetch, 50).catch(() => undefined)
      const offset = request?.input.targets[0]?.offset
      request?.answer(answer(offset === 0 ? fetchedPartition('t', 0, [damaged]) : fetchedPartition('t', 0, [])))
    }
  })()
  await assert.rejects(
    async () => {
      for (;;) {
        await unlucky.whenAvailable()
        unlucky.poll()
      }
    },
    (error) => isMillraceError(error, 'MR_KAFKA_CORRUPT_BATCH') && /t-0/.test(error.message),
  )
  await failing
})

test('a missing right fails at once', async () => {
  const { cluster, fetcher } = setUp()
  fetcher.assign([at(0)])
  const request = await cluster.next(Fetch)
  request.answer(answer({ ...fetchedPartition('t', 0, []), errorCode: KafkaCode.topicAuthorizationFailed }))
  await assert.rejects(fetcher.whenAvailable(), (error) => isMillraceError(error, 'MR_KAFKA_AUTHORIZATION'))
})

test('answers for a position that was assigned anew are dropped', async () => {
  const { cluster, fetcher } = setUp()
  fetcher.assign([at(0, 100)])
  const old = await cluster.next(Fetch)
  fetcher.assign([at(0)])
  // Taken for an answer at offset 0, it would hide everything before 100.
  old.answer(answer(fetchedPartition('t', 0, [batch(100, 'a')])))
  const next = await cluster.next(Fetch)
  assert.deepEqual(offsetsOf(next.input), [[0, 0]])
  assert.equal(fetcher.poll(), undefined)
  assert.equal(fetcher.position('t', 0), 0)
})

test('lag is counted to the last stable offset for readers of committed records', async () => {
  const { cluster, fetcher } = setUp({ isolation: 'read_committed' })
  fetcher.assign([at(0)])
  assert.equal(fetcher.lag('t', 0), undefined)
  const request = await cluster.next(Fetch)
  request.answer(answer(fetchedPartition('t', 0, [batch(0, 'a', 'b')], { highWatermark: 9, lastStableOffset: 6 })))
  await fetcher.whenAvailable()
  assert.equal(fetcher.lag('t', 0), 6)
  fetcher.poll()
  assert.equal(fetcher.lag('t', 0), 4)
})

test('closing rejects whoever waits', async () => {
  const { fetcher } = setUp()
  fetcher.assign([at(0)])
  const waiting = fetcher.whenAvailable()
  fetcher.close()
  await assert.rejects(waiting, (error) => isMillraceError(error, 'MR_KAFKA_CLIENT_CLOSED'))
})
