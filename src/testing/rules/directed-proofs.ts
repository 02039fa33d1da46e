/**
 * For the rules of docs/protocol.md that chance finds rarely or late: each broken in the ways that it can be, and a test
 * directed at each. The others are broken in world/mutations.ts, and found by the simulator.
 */
import { checkpointProofs } from './checkpoint-proofs.ts'
import type { DirectedProof } from './directed-proof.ts'
import { exchangeProofs } from './exchange-proofs.ts'
import { logProofs } from './log-proofs.ts'

export const directedProofs: readonly DirectedProof[] = [...logProofs, ...checkpointProofs, ...exchangeProofs]
