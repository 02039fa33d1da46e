/**
 * What each customer has paid so far: orders, revenue and the largest order.
 *
 * Reads topic `orders`, whose records have the customer's id as their key. A record that is no JSON goes to topic
 * `orders-unreadable` as it is, with headers that say why, and the job goes on.
 */
import { count, defineJob, max, sum } from 'millrace'
import { json, kafkaSink, kafkaSource } from 'millrace/kafka'

export interface Order {
  readonly orderId: string
  readonly status: 'open' | 'paid' | 'cancelled'
  /** In cents, as fractions of a unit don't add up exactly in floating point. */
  readonly amountCents: number
}

export default defineJob('order-revenue', (job) => {
  job
    .source(
      'orders',
      kafkaSource({ topic: 'orders', value: json<Order>(), onMalformed: { deadLetterTopic: 'orders-unreadable' } }),
    )
    .filter((order) => order.status === 'paid')
    .keyByRecordKey()
    .aggregate('revenue', {
      orders: count(),
      revenueCents: sum((order) => order.amountCents),
      largestCents: max((order) => order.amountCents),
    })
    .sink('revenue-by-customer', kafkaSink({ topic: 'revenue-by-customer', value: json() }))
})
