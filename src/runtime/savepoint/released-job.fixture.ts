/** A job with a state of each kind, of which each release leaves savepoints behind: later ones must restore them. */
import { count, max, sum } from '../../api/aggregates.ts'
import { defineJob, type JobDefinition } from '../../api/define-job.ts'
import { aggregatingState, listState, mapState, reducingState, valueState } from '../../api/state.ts'
import type { MemorySink } from '../../testing/memory-sink.ts'
import type { MemoryRecord, MemorySource } from '../../testing/memory-source.ts'

interface Visit {
  readonly page: string
  readonly ms: number
}

/** As many as the savepoints hold. */
export const RELEASED_VISITS = 600

/** Values outlive the releases that they wait for. */
const TTL = { after: 100 * 365 * 86_400_000 }

/** Record `i` of the history: the same for all releases. */
export const visits = (from: number, to: number): MemoryRecord<Visit>[] =>
  Array.from({ length: to - from }, (_, at) => {
    const i = from + at
    return { key: `user ${i % 13} \u00e4\u0000`, value: { page: `/p${(i * 7) % 5}`, ms: (i * 37) % 1000 } }
  })

export function releasedJob(source: MemorySource<Visit>, sink: MemorySink<unknown>): JobDefinition {
  return defineJob('released', (job) => {
    const keyed = job.source('visits', source).keyByRecordKey()
    keyed
      .process('kinds', {
        state: {
          value: valueState(() => ({ first: '', n: 0, big: 0n, at: new Date(0) })),
          kept: valueState<string>({ ttl: TTL }),
          list: listState<number>({ ttl: TTL }),
          map: mapState<string, { readonly n: number }>({ ttl: TTL }),
          reducing: reducingState<number>((a, b) => a + b),
          aggregating: aggregatingState({ n: count<Visit>(), total: sum((visit: Visit) => visit.ms) }),
        },
        onRecord(visit, { key, state }) {
          const before = state.value.get()
          const value = {
            first: before.first || visit.page,
            n: before.n + 1,
            big: before.big * 3n + BigInt(visit.ms),
            at: new Date(before.at.getTime() + visit.ms),
          }
          state.value.set(value)
          state.kept.set(`${state.kept.get() ?? ''}${visit.page}`.slice(-40))
          state.list.set([...state.list.get(), visit.ms].slice(-7))
          state.map.set(visit.page, { n: (state.map.get(visit.page)?.n ?? 0) + 1 })
          state.reducing.add(visit.ms)
          state.aggregating.add(visit)
          return [
            {
              key,
              value,
              kept: state.kept.get(),
              list: [...state.list.get()],
              page: state.map.get(visit.page),
              reducing: state.reducing.get(),
              aggregating: state.aggregating.get(),
            },
          ]
        },
      })
      .sink('kinds-out', sink)
    keyed.reduce('longest', (a, b) => (b.ms > a.ms ? b : a)).sink('longest-out', sink)
    keyed.aggregate('sums', { n: count(), most: max((visit: Visit) => visit.ms) }).sink('sums-out', sink)
  })
}
