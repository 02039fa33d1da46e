/** All schedules, by name. */
import { abortedThenComplete } from './schedules/aborted-then-complete.ts'
import { claimTooLate } from './schedules/claim-too-late.ts'
import { commitRepeatedLate } from './schedules/commit-repeated-late.ts'
import { commitTooLate } from './schedules/commit-too-late.ts'
import { completionDoubted } from './schedules/completion-doubted.ts'
import { completionNeverWritten } from './schedules/completion-never-written.ts'
import { forgottenAndBegunAgain } from './schedules/forgotten-and-begun-again.ts'
import { handedOver } from './schedules/handed-over.ts'
import { leaderWokenLate } from './schedules/leader-woken-late.ts'
import { outputRefused } from './schedules/output-refused.ts'
import { producerForgotten } from './schedules/producer-forgotten.ts'
import { rewound } from './schedules/rewound.ts'
import { salvageCutShort } from './schedules/salvage-cut-short.ts'
import { savepointDoubted } from './schedules/savepoint-doubted.ts'
import { savepointHeldUp } from './schedules/savepoint-held-up.ts'
import type { Schedule } from './schedules/schedule.ts'
import { stopUncommitted } from './schedules/stop-uncommitted.ts'
import { stopUnheard } from './schedules/stop-unheard.ts'
import { takenInPlace } from './schedules/taken-in-place.ts'

export const schedules: readonly Schedule[] = [
  completionNeverWritten,
  completionDoubted,
  leaderWokenLate,
  claimTooLate,
  abortedThenComplete,
  rewound,
  producerForgotten,
  commitRepeatedLate,
  outputRefused,
  commitTooLate,
  salvageCutShort,
  savepointHeldUp,
  savepointDoubted,
  stopUncommitted,
  stopUnheard,
  forgottenAndBegunAgain,
  takenInPlace,
  handedOver,
]
