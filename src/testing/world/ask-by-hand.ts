/** As `millrace savepoint` and `millrace cancel`: asks the running job, and waits for what becomes of it. */
import { type ErrorCode, isMillraceError } from '../../common/errors.ts'
import type { LogFollower } from '../../runtime/log-follower.ts'
import { type Answer, askJob, type JobRequest } from '../../runtime/savepoint/ask-job.ts'
import { type Visit, visit } from './visit.ts'
import type { World } from './world.ts'

/** Who is told so believes that nothing has come of it. */
const NOTHING_CAME: ReadonlySet<ErrorCode> = new Set([
  'MR_SAVEPOINT_INTERRUPTED',
  'MR_SAVEPOINT_FAILED',
  'MR_SAVEPOINT_CHECKPOINT_ABORTED',
])

/** What it is told is held against the control log. */
export function askByHand(world: World, draft: JobRequest['draft']): Visit<Answer> {
  return visit(world, 'asking', async ({ application, process, follower }) => {
    const requestOf = watchRequest(follower)
    try {
      return await askJob({ applicationId: application, follower, clock: process.clock, draft })
    } catch (error) {
      const isDone = world.checkers.get(application)?.doneRequests.has(requestOf() ?? '')
      if (isMillraceError(error) && NOTHING_CAME.has(error.code) && isDone) {
        world.bugs.push(`who has asked for it is told ${error.message}, and the log says that it is done`)
      }
      throw error
    }
  })
}

/** The id is made by whoever asks. */
function watchRequest(follower: LogFollower): () => string | undefined {
  const append = follower.append.bind(follower)
  let request: string | undefined
  follower.append = (records) => {
    for (const record of records) if ('request' in record) request = record.request
    return append(records)
  }
  return () => request
}
