/** Loaded into a test process by `--import`: breaks the rule that the environment names, before anything else is loaded. */
import { fileURLToPath } from 'node:url'
import { applyMutation } from '../world/mutate.ts'
import { directedProofs } from './directed-proofs.ts'

const id = process.env.MILLRACE_BROKEN_RULE
const proof = directedProofs.find((one) => one.id === id)
if (proof === undefined) throw new Error(`MILLRACE_BROKEN_RULE is ${id}: no directed proof has this name`)
applyMutation(proof, fileURLToPath(new URL('../../../', import.meta.url)))
