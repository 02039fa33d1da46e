import type { CheckpointMetadata } from '../../../checkpoint/metadata.ts'

/** The ids of the transactions that it lists. */
export function committablesOf({ committables }: CheckpointMetadata): string[] {
  return Object.values(committables).flatMap((listed) => listed.map(({ committable }) => committable.id))
}
