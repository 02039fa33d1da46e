#!/usr/bin/env node
/** The program: wires connectors to the engine and runs the command line. The only file of src that knows connectors. */
import { join } from 'node:path'
import { KafkaControlLog } from '../connectors/kafka/control/kafka-control-log.ts'
import type { CliEnvironment, RunningJob, StartContext, StorageConfig } from './cli/cli-environment.ts'
import { main } from './cli/main.ts'
import { systemClock } from './common/clock.ts'
import { MillraceError } from './common/errors.ts'
import type { CheckpointStorage } from './ports/checkpoint-storage.ts'
import { soloMembership } from './runtime/solo-membership.ts'
import { startWorker } from './runtime/worker.ts'
import { WorkerStatus } from './runtime/worker-status.ts'
import { addJobMetrics } from './service/job-metrics.ts'

/** By scheme, each loaded when it is used: the AWS SDK alone takes a fifth of a second. */
async function openStorage(config: StorageConfig): Promise<CheckpointStorage> {
  const scheme = config.checkpoints.slice(0, config.checkpoints.indexOf(':'))
  switch (scheme) {
    case 'file': {
      const { createFileStorage } = await import('../connectors/file/file-storage.ts')
      return createFileStorage(config.checkpoints)
    }
    case 's3': {
      const { createS3Storage } = await import('../connectors/s3/s3-storage.ts')
      return createS3Storage({
        uri: config.checkpoints,
        endpoint: config.s3Endpoint,
        region: config.s3Region,
        forcePathStyle: config.s3PathStyle,
        accessKeyId: config.s3AccessKeyId,
        secretAccessKey: config.s3SecretAccessKey?.reveal(),
      })
    }
    default:
      throw new MillraceError('MR_CONFIG_INVALID_VALUE', `checkpoints is ${config.checkpoints}; known are file: and s3:`)
  }
}

async function startJob({ job, resolved, logger, metrics, health }: StartContext): Promise<RunningJob> {
  const { config } = resolved
  const { appId: applicationId } = config
  const storage = await openStorage(config)
  const { createRocksDbBackend, createMemoryBackend } = await import('./state/backends.ts')
  const status = new WorkerStatus()
  status.onChange = (phase) => {
    if (phase === 'restoring' || phase === 'running') health.enter(phase)
  }
  status.onCompleted = (completed) => health.completed(completed)
  const sources = job.graph.nodes.flatMap((node) => (node.kind === 'source' ? [node.name] : []))
  addJobMetrics(metrics, status, sources)
  const worker = startWorker({
    applicationId,
    graph: job.graph,
    config,
    clock: systemClock,
    logger,
    metrics,
    status,
    storage,
    membership: soloMembership(),
    createControlLog: (context) => new KafkaControlLog(context),
    createBackend: () =>
      config.stateBackend === 'memory'
        ? createMemoryBackend()
        : createRocksDbBackend({ directory: join(config.stateDirectory, applicationId) }),
  })
  return {
    done: worker.done,
    stop: async () => worker.stop(),
  }
}

const environment: CliEnvironment = {
  env: process.env,
  directory: process.cwd(),
  stdout: process.stdout,
  stderr: process.stderr,
  signals: process,
  clock: systemClock,
  startJob,
  openStorage,
}

const exitCode = await main(process.argv.slice(2), environment)
for (const stream of [process.stdout, process.stderr]) {
  await new Promise<void>((resolve) => stream.write('', () => resolve()))
}
process.exit(exitCode)
