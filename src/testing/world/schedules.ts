/** All schedules, by name. */
import { abortedThenComplete } from './schedules/aborted-then-complete.ts'
import { claimTooLate } from './schedules/claim-too-late.ts'
import { commitRepeatedLate } from './schedules/commit-repeated-late.ts'
import { commitTooLate } from './schedules/commit-too-late.ts'
import { completionDoubted } from './schedules/completion-doubted.ts'
import { completionNeverWritten } from './schedules/completion-never-written.ts'
import { leaderWokenLate } from './schedules/leader-woken-late.ts'
import { outputRefused } from './schedules/output-refused.ts'
import { producerForgotten } from './schedules/producer-forgotten.ts'
import { rewound } from './schedules/rewound.ts'
import { salvageCutShort } from './schedules/salvage-cut-short.ts'
import type { Schedule } from './schedules/schedule.ts'

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
]
