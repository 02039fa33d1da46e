/** As `millrace rewind`: reads the control log, appends one record and ends. */
import { rewindTo } from '../../runtime/rewind.ts'
import { visit } from './visit.ts'
import type { World } from './world.ts'

/**
 * Resolves with whether it did. Never, if its requests are never answered.
 *
 * @param choose one of the checkpoints that are retained, oldest first; undefined: none
 */
export async function rewindByHand(
  world: World,
  choose: (retained: readonly number[]) => number | undefined,
): Promise<boolean> {
  const rewound = await visit(world, 'by hand', async ({ follower }) => {
    const checkpoint = choose(follower.view.retained.map((one) => one.checkpoint))
    return checkpoint !== undefined && (await rewindTo(follower, checkpoint)).kind === 'rewound'
  }).done
  return rewound === true
}
