/** What `millrace checkpoints history` says of a scene's job. */
import type { PastCheckpoint } from '../../src/checkpoint/protocol/checkpoint-history.ts'
import type { Scene } from '../faults/scene.ts'
import { millrace } from '../support/millrace.ts'

/** Newest first. */
export async function checkpointHistory({ name, kafka }: Scene): Promise<PastCheckpoint[]> {
  return JSON.parse(await millrace(['checkpoints', 'history', name, '--brokers', kafka.bootstrap]))
}
