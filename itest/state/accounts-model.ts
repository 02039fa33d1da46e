/** What the job of accounts must remember of payments. */
import type { Payment } from '../exactly-once/payments.ts'

export interface Remembered {
  readonly last: Map<string, { readonly amount: number; readonly payments: number }>
  readonly most: Map<string, number>
  /** By `account amount`. */
  readonly amounts: Map<string, number>
  readonly totals: Map<string, { readonly count: number; readonly sum: number }>
}

export function remember(payments: readonly Payment[]): Remembered {
  const last: Remembered['last'] = new Map()
  const most: Remembered['most'] = new Map()
  const amounts: Remembered['amounts'] = new Map()
  const totals: Remembered['totals'] = new Map()
  for (const { key, amount } of payments) {
    last.set(key, { amount, payments: (last.get(key)?.payments ?? 0) + 1 })
    most.set(key, Math.max(most.get(key) ?? 0, amount))
    const place = `${key} ${amount % 7}`
    amounts.set(place, (amounts.get(place) ?? 0) + 1)
    const bucket = `b${amount % 50}`
    const total = totals.get(bucket) ?? { count: 0, sum: 0 }
    totals.set(bucket, { count: total.count + 1, sum: total.sum + amount })
  }
  return { last, most, amounts, totals }
}
