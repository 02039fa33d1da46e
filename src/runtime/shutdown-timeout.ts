import { MillraceError } from '../common/errors.ts'

/** Thrown when a worker was asked to stop and its final checkpoint was not complete in time: it stops without one. */
export class ShutdownTimeout extends MillraceError {
  constructor() {
    super('MR_FINAL_CHECKPOINT_MISSED', 'the worker stops, and no final checkpoint was complete within shutdown-timeout')
  }
}
