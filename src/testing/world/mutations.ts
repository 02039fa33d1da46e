/**
 * The rules of docs/protocol.md that the simulator watches over, each broken in the source as it is loaded. A simulator that
 * doesn't notice proves nothing. `npm run simulate -- --mutation R22`.
 */
import { checkpointMutations } from './mutations/checkpoint-mutations.ts'
import { exchangeMutations } from './mutations/exchange-mutations.ts'
import { logMutations } from './mutations/log-mutations.ts'
import type { Mutation } from './mutations/mutation.ts'
import { savepointMutations } from './mutations/savepoint-mutations.ts'
import { sinkMutations } from './mutations/sink-mutations.ts'

export type { Mutation, SourceEdit } from './mutations/mutation.ts'

export const mutations: Readonly<Record<string, Mutation>> = {
  ...logMutations,
  ...checkpointMutations,
  ...exchangeMutations,
  ...savepointMutations,
  ...sinkMutations,
}
