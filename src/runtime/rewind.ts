/** A rewind by hand (R7 of docs/protocol.md): one record of the control log, by whoever may write there. */
import { MillraceError } from '../common/errors.ts'
import { appendOne, type LogFollower } from './log-follower.ts'

/** A job that begins an epoch at this very moment makes the record void; twice in a row is unheard of. */
const ATTEMPTS = 10

export type Rewind =
  | { readonly kind: 'rewound'; readonly givenUp: readonly number[] }
  | { readonly kind: 'not-retained'; readonly retained: readonly number[] }

/** @throws MR_SUPERSEDED, MR_KAFKA_… */
export async function rewindTo(follower: LogFollower, checkpoint: number): Promise<Rewind> {
  const { view } = follower
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const retained = view.retained.map((one) => one.checkpoint)
    if (!retained.includes(checkpoint)) return { kind: 'not-retained', retained }
    const givenUp = retained.filter((one) => one > checkpoint)
    // Nobody acts on a decision before reading it back, and this one only counts in the epoch that it names.
    if (await appendOne(follower, { type: 'restored-to', epoch: view.epoch, checkpoint })) return { kind: 'rewound', givenUp }
  }
  throw new MillraceError('MR_SUPERSEDED', `the job began a new epoch at each of ${ATTEMPTS} attempts to rewind it`)
}
