import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectionLost } from './connection-errors.ts'
import { LeaderSearch } from './leader-search.ts'
import { ScriptedCluster } from './testing.ts'

test('leaders that somebody else has found are news too, though asking for them fails', async () => {
  const cluster = new ScriptedCluster()
  let news = 0
  let delays = 0
  const search = new LeaderSearch(
    cluster,
    {
      partitions: () => [{ topic: 't', partition: 0 }],
      onNews: () => news++,
      onDelay: () => delays++,
      onError: (error) => assert.fail(error),
    },
    { firstMs: 1, maxMs: 1 },
  )
  cluster.onRefresh = () => {
    // The client is shared: the answer to another one's question came just before the broker stopped.
    if (cluster.refreshes === 2) cluster.lead('t', 0, 1)
    throw connectionLost('broker 1', undefined)
  }
  search.start()
  for (let waits = 0; news === 0 && waits < 200; waits++) await new Promise((resolve) => setTimeout(resolve, 1))
  assert.deepEqual([news, delays], [1, 2])
  search.stop()
})
