import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultEngines, engineById } from './engines.ts'
import type { Measurement, Values } from './measurement.ts'
import { median, numberText, summarize, tableOf } from './report.ts'

function runs(id: string, ...all: (Values | 'wrong')[]) {
  return {
    engine: engineById(id),
    runs: all.map((values): Measurement => (values === 'wrong' ? wrong : { isRight: true, values })),
  }
}

const wrong: Measurement = { isRight: false, problem: '3 keys are wrong', values: { recordsPerSecond: 9_000_000 } }

test('rows are medians over the runs with right output, and wrong runs are counted', () => {
  const report = summarize('w1', 'w1', [
    runs('millrace', { recordsPerSecond: 100 }, { recordsPerSecond: 300 }, { recordsPerSecond: 200, peakRssMb: 70 }, 'wrong'),
  ])
  assert.equal(report.rows.length, 1)
  const [row] = report.rows
  assert.equal(row?.recordsPerSecond, 200)
  assert.equal(row?.peakRssMb, 70)
  assert.equal(row?.runs, 4)
  assert.equal(row?.failedRuns, 1)
  assert.match(report.notes.join(), /1 of 4 runs gave wrong or incomplete output/)
})

test('ratios are ours divided by theirs, against the best variant of a peer', () => {
  const report = summarize('w1', 'w1', [
    runs('millrace', { recordsPerSecond: 300_000, cpuSecondsPerMillion: 5, peakRssMb: 200 }),
    runs('flink', { recordsPerSecond: 100_000, cpuSecondsPerMillion: 25, peakRssMb: 500 }),
    runs('flink-rocksdb', { recordsPerSecond: 50_000, cpuSecondsPerMillion: 40, peakRssMb: 400 }),
    runs('kafka-streams', { recordsPerSecond: 60_000, peakRssMb: 400 }),
  ])
  assert.deepEqual(report.ratios, {
    flink: { variant: 'heap', throughput: 3, cpu: 0.2, memory: 0.4 },
    kafkaStreams: { variant: 'rocksdb, no cache', throughput: 5, memory: 0.5 },
    kafkajs: null,
  })
})

test('latency and recovery compare with the peer variant that is quickest there', () => {
  const latency = summarize('latency', 'latency', [
    runs('millrace', { p50Ms: 500, p99Ms: 1_000 }),
    runs('kafka-streams', { p50Ms: 500, p99Ms: 2_000 }),
  ])
  assert.deepEqual(latency.ratios.kafkaStreams, { variant: 'rocksdb, no cache', p50: 1, p99: 0.5 })
  const recovery = summarize('recovery', 'recovery', [
    runs('millrace', { recoveryMs: 2_000 }),
    runs('kafka-streams', { recoveryMs: 50_000 }),
    runs('kafka-streams-6s', { recoveryMs: 8_000 }),
  ])
  assert.deepEqual(recovery.ratios.kafkaStreams, { variant: 'session timeout 6 s', recovery: 0.25 })
})

test('without peers, and for a peer whose every run was wrong, ratios are null', () => {
  const alone = summarize('w1', 'w1', [runs('millrace', { recordsPerSecond: 1 })])
  assert.deepEqual(alone.ratios, { flink: null, kafkaStreams: null, kafkajs: null })
  const broken = summarize('w1', 'w1', [runs('millrace', { recordsPerSecond: 1 }), runs('flink', 'wrong')])
  assert.equal(broken.ratios.flink, null)
})

test('the report is plain JSON with the documented names', () => {
  const report = summarize('w1', 'w1, 20000 records', [
    runs('millrace', { recordsPerSecond: 1, cpuSecondsPerMillion: 2, peakRssMb: 3 }),
  ])
  const parsed = JSON.parse(JSON.stringify(report))
  assert.deepEqual(Object.keys(parsed), ['work', 'rows', 'ratios', 'notes'])
  assert.deepEqual(parsed.rows[0], {
    engine: 'millrace',
    variant: 'rocksdb',
    runs: 1,
    failedRuns: 0,
    disturbedRuns: 0,
    recordsPerSecond: 1,
    cpuSecondsPerMillion: 2,
    peakRssMb: 3,
  })
})

test('the table shows the columns that were measured, and the disturbed runs', () => {
  const text = tableOf(
    summarize('w1', 'w1', [
      runs('millrace', { recordsPerSecond: 123_456, foreignCores: 0.5 }),
      runs('flink', { recordsPerSecond: 61_728 }),
    ]),
  )
  assert.match(text, /records\/s/)
  assert.doesNotMatch(text, /p99/)
  assert.match(text, /123 456/)
  assert.match(text, /millrace ÷ flink \(heap\): throughput × 2/)
  assert.match(text, /1 of 1 runs were disturbed/)
})

test('medians of even and empty lists', () => {
  assert.equal(median([4, 1, 3, 2]), 2.5)
  assert.equal(median([]), undefined)
  assert.equal(numberText(undefined), '-')
})

test('every work names engines that exist', () => {
  for (const work of ['w1', 'latency', 'recovery', 'checkpoint'] as const) {
    for (const keys of [10_000, 1_000_000]) assert.ok(defaultEngines(work, keys).every((id) => engineById(id).id === id))
  }
})
