/**
 * How late flights arrive at each airport. Topic `flights` is keyed by the airport that a flight left from, so the records
 * are keyed anew: `keyBy` brings those of one destination together, in whichever worker, over an internal topic.
 *
 *     millrace run flights-by-destination.job.ts --brokers … --checkpoints … --workers 2
 */
import { avg, count, defineJob } from 'millrace'
import { json, kafkaSink, kafkaSource } from 'millrace/kafka'
import type { Flight } from './flights-by-airport.job.ts'

export default defineJob('flights-by-destination', (job) => {
  job
    .source('flights', kafkaSource({ topic: 'flights', value: json<Flight>() }))
    .keyBy((flight) => flight.destination, { name: 'by-destination' })
    .aggregate('arrivals', { flights: count(), meanDelay: avg((flight) => flight.delay) })
    .sink('airports', kafkaSink({ topic: 'flights-by-destination', key: (row) => row.key, value: json() }))
})
