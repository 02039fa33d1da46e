/** The local state of a worker over all its epochs: found, locked, and thrown away when it is damaged. */
import { isMillraceError } from '../common/errors.ts'
import type { Logger } from '../common/logger.ts'
import type { StateBackend } from '../ports/state-backend.ts'

/** Opens the first that no other worker holds. Damaged local state is no loss: it is a copy of the checkpoint. */
export async function openLocalState(candidates: Iterable<StateBackend>, logger: Logger): Promise<StateBackend> {
  let locked: unknown
  for (const backend of candidates) {
    try {
      await backend.open()
      return backend
    } catch (error) {
      if (isMillraceError(error, 'MR_STATE_DIRECTORY_LOCKED')) {
        locked = error
      } else if (isMillraceError(error, 'MR_STATE_LOCAL_CORRUPT')) {
        await discardLocalState(backend, error, logger)
        return backend
      } else {
        throw error
      }
    }
  }
  throw locked
}

export async function discardLocalState(backend: StateBackend, error: Error, logger: Logger): Promise<void> {
  logger.warn('local-state-discarded', { error: error.message })
  await backend.reset()
}
