/**
 * Warns once a day for each card that has spent more than its limit on that day.
 *
 * Reads topic `payments`, whose records have the card's number as their key, and writes topic `limit-warnings`. Own code
 * with state per key: what `aggregate` and `reduce` can't say.
 */
import { defineJob, valueState } from 'millrace'
import { json, kafkaSink, kafkaSource } from 'millrace/kafka'

export interface Payment {
  readonly amountCents: number
  readonly limitCents: number
  /** When it was made: ms since 1970. */
  readonly paidAtMs: number
}

export interface LimitWarning {
  readonly card: string
  /** UTC: `2026-03-28`. */
  readonly day: string
  readonly spentCents: number
  readonly limitCents: number
}

/** What is remembered of a card: the latest day on which it paid. */
interface Spending {
  readonly day: string
  readonly spentCents: number
  readonly isWarned: boolean
}

export default defineJob('card-limits', (job) => {
  job
    .source('payments', kafkaSource({ topic: 'payments', value: json<Payment>(), eventTime: (payment) => payment.paidAtMs }))
    .keyByRecordKey()
    .process('spending', {
      state: { today: valueState<Spending>(() => ({ day: '', spentCents: 0, isWarned: false })) },
      onRecord(payment, { key: card, timestamp, state }): LimitWarning[] {
        const day = new Date(timestamp).toISOString().slice(0, 10)
        const before = state.today.get()
        // A payment that arrives after the first one of a later day is too late to be warned of.
        if (day < before.day) return []
        const isNewDay = day !== before.day
        const spentCents = (isNewDay ? 0 : before.spentCents) + payment.amountCents
        const isOver = spentCents > payment.limitCents
        const isWarned = !isNewDay && before.isWarned
        state.today.set({ day, spentCents, isWarned: isWarned || isOver })
        return isOver && !isWarned ? [{ card, day, spentCents, limitCents: payment.limitCents }] : []
      },
    })
    .sink('limit-warnings', kafkaSink({ topic: 'limit-warnings', value: json() }))
})
