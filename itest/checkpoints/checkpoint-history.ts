/** What `millrace checkpoints history` says of a scene's job. */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import type { PastCheckpoint } from '../../src/checkpoint/protocol/checkpoint-history.ts'
import type { Scene } from '../faults/scene.ts'
import { jobEnvironment } from '../support/job-environment.ts'
import { runCommand } from '../support/run-command.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Newest first. */
export async function checkpointHistory({ name, kafka }: Scene): Promise<PastCheckpoint[]> {
  const args = ['--conditions=millrace-source', 'src/main.ts', 'checkpoints', 'history', name, '--brokers', kafka.bootstrap]
  const { stdout, stderr, exitCode } = await runCommand(process.execPath, args, { cwd: ROOT, env: jobEnvironment() })
  assert.equal(exitCode, 0, stderr)
  return JSON.parse(stdout)
}
