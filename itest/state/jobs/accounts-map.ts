/** What `millrace state rewrite --map` is given: payments of before count a thousand more. */
import type { StateMapping } from 'millrace/state'

const mappings: Record<string, StateMapping> = {
  'accounts/last': ({ amount, payments }, { key }) => (key === 'k7' ? undefined : { amount, payments: payments + 1_000 }),
}

export default mappings
