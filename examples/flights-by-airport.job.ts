/**
 * Flights, their mean delay and the worst one for each airport, updated with every flight.
 *
 * Reads topic `flights`, whose records have the airport as their key, and writes topic `flights-by-airport`, keyed alike.
 * `npm run demo` runs it over real flights and kills it in the middle.
 */
import { avg, count, defineJob, max } from 'millrace'
import { json, kafkaSink, kafkaSource } from 'millrace/kafka'

export interface Flight {
  /** The airport it left from. */
  readonly origin: string
  readonly destination: string
  /** Minutes late at its destination; negative when it came early. */
  readonly delay: number
  /** Miles. */
  readonly distance: number
  /** Local time of departure: `2001/01/01 00:47`. */
  readonly date: string
}

// The demo uses names of its own on brokers that it shares with others.
const { FLIGHTS_TOPIC = 'flights', AIRPORTS_TOPIC = 'flights-by-airport' } = process.env

export default defineJob('flights-by-airport', (job) => {
  job
    .source('flights', kafkaSource({ topic: FLIGHTS_TOPIC, value: json<Flight>() }))
    .keyByRecordKey()
    .aggregate('delays', {
      flights: count(),
      meanDelay: avg((flight) => flight.delay),
      worstDelay: max((flight) => flight.delay),
    })
    .sink('airports', kafkaSink({ topic: AIRPORTS_TOPIC, value: json() }))
})
