/** How an epoch ends when another one has begun. */
import { MillraceError } from '../common/errors.ts'

/** Thrown when a newer claim has taken over: not a failure of the job. */
export class Superseded extends MillraceError {
  constructor(message: string) {
    super('MR_SUPERSEDED', message)
  }
}
