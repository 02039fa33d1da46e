import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type AirportUpdate, modelOf, readFlights } from './flights.ts'
import { isFlawless, judge, type OutputRecord } from './verdict.ts'

const flight = (origin: string, delay: number) => ({ origin, destination: 'SFO', delay, distance: 1, date: '2001/01/01 00:00' })
const model = modelOf([flight('DTW', 66), flight('HNL', 95), flight('DTW', -5), flight('DTW', 70)])

function record(update: Partial<AirportUpdate>, partition = 0): OutputRecord {
  return { partition, key: Buffer.from(String(update.key)), value: Buffer.from(JSON.stringify(update)) }
}

const ofDetroit = (model.get('DTW') ?? []).map((update) => record(update))
const ofHonolulu = (model.get('HNL') ?? []).map((update) => record(update, 1))
const [first, second, third] = ofDetroit as [OutputRecord, OutputRecord, OutputRecord]

describe('the model', () => {
  test('has one update a flight, with the numbers up to then', () => {
    assert.deepEqual(model.get('DTW'), [
      { key: 'DTW', flights: 1, meanDelay: 66, worstDelay: 66 },
      { key: 'DTW', flights: 2, meanDelay: 30.5, worstDelay: 66 },
      { key: 'DTW', flights: 3, meanDelay: 131 / 3, worstDelay: 70 },
    ])
  })

  test('of the real flights has as many updates as there are flights', () => {
    const flights = readFlights()
    const updates = [...modelOf(flights).values()].reduce((sum, ofAirport) => sum + ofAirport.length, 0)
    assert.equal(flights.length, 20_000)
    assert.equal(updates, 20_000)
  })
})

describe('the verdict', () => {
  const verdictOf = (...output: OutputRecord[]) => {
    const { examples, ...counts } = judge(model, output)
    assert.equal(examples.length > 0, !isFlawless({ examples, ...counts }))
    return counts
  }
  const flawless = { updatesOut: 4, missing: 0, doubled: 0, outOfOrder: 0, wrong: 0 }

  test('is flawless for every update once and in order, whatever other airports do', () => {
    assert.deepEqual(verdictOf(...ofDetroit, ...ofHonolulu), flawless)
    assert.deepEqual(verdictOf(first, ...ofHonolulu, second, third), flawless)
  })

  test('counts what is missing', () => {
    assert.deepEqual(verdictOf(first, third), { ...flawless, updatesOut: 2, missing: 2 })
    assert.deepEqual(verdictOf(), { ...flawless, updatesOut: 0, missing: 4 })
  })

  test('counts what is doubled, also when a whole stretch is repeated', () => {
    const repeated = verdictOf(first, second, first, second, third, ...ofHonolulu)
    assert.deepEqual(repeated, { ...flawless, updatesOut: 6, doubled: 2 })
  })

  test('counts what is out of order or has moved to another partition', () => {
    assert.deepEqual(verdictOf(second, first, third, ...ofHonolulu), { ...flawless, outOfOrder: 1 })
    assert.deepEqual(verdictOf(first, { ...second, partition: 2 }, third, ...ofHonolulu), { ...flawless, outOfOrder: 2 })
  })

  test('counts other numbers, unknown airports and what is no JSON as wrong', () => {
    const other = record({ key: 'DTW', flights: 2, meanDelay: 30, worstDelay: 66 })
    assert.deepEqual(verdictOf(first, other, third, ...ofHonolulu), { ...flawless, missing: 1, wrong: 1 })
    const unknown = record({ key: 'XXX', flights: 1, meanDelay: 1, worstDelay: 1 })
    const misplaced = { ...first, key: Buffer.from('HNL') }
    const strange = [unknown, misplaced, { partition: 0, key: null, value: null }, { ...first, value: Buffer.from('{') }]
    assert.deepEqual(verdictOf(...ofDetroit, ...ofHonolulu, ...strange), { ...flawless, updatesOut: 8, wrong: 4 })
  })
})
