/** The error of an epoch whose checkpoints fail one after another: it tells what the last one failed for. */
import type { PastCheckpoint } from '../../checkpoint/protocol/checkpoint-history.ts'
import { MillraceError } from '../../common/errors.ts'

/** @param remedy of what the last one failed for; undefined: the catalogue's */
export function checkpointsFailing(
  inRow: number,
  tolerated: number,
  last: PastCheckpoint | undefined,
  remedy: string | undefined,
): MillraceError {
  const why = last === undefined ? '' : `; checkpoint ${last.checkpoint}: ${last.reason}: ${last.cause}`
  return new MillraceError(
    'MR_CHECKPOINTS_FAILING',
    `${inRow} checkpoints in a row have failed; ${tolerated} are tolerated${why}`,
    {
      ...(remedy === undefined ? {} : { remedy }),
      details: { reason: last?.reason ?? null },
    },
  )
}
