/** How an epoch has ended for a worker. */
export type EpochEnd =
  /** By a final checkpoint, complete and committed here: the group changes, or the worker stops. */
  | { readonly kind: 'finished' }
  /** The group changes, without a final checkpoint; or this worker is no longer in it. */
  | { readonly kind: 'left' }
  /** A newer claim stands in the log. */
  | { readonly kind: 'superseded' }
  /** `error`: of this worker; undefined: another one said so. `isFinal`: it would come again. */
  | { readonly kind: 'failed'; readonly error?: Error; readonly isFinal: boolean }

/** Ends an epoch from outside its own steps. */
export class EpochOver extends Error {
  readonly end: EpochEnd

  constructor(end: EpochEnd) {
    super(`the epoch has ended: ${end.kind}`)
    this.end = end
  }
}
