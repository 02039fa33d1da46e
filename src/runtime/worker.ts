/** A worker from its start to its end: runs an epoch, and says how it ended. */
import type { Clock } from '../common/clock.ts'
import { toError } from '../common/errors.ts'
import type { Logger } from '../common/logger.ts'
import type { Config } from '../config/config.ts'
import type { JobGraph } from '../graph/job-graph.ts'
import type { CheckpointStorage } from '../ports/checkpoint-storage.ts'
import type { ConnectorContext, MetricsPort } from '../ports/connector-context.ts'
import type { ControlLog } from '../ports/control-log.ts'
import type { GroupMembership } from '../ports/group-membership.ts'
import type { StateBackend } from '../ports/state-backend.ts'
import { Epoch } from './epoch.ts'
import { SharedResources } from './shared-resources.ts'
import type { WorkerStatus } from './worker-status.ts'

export interface WorkerParts {
  readonly applicationId: string
  readonly graph: JobGraph
  readonly config: Config
  readonly clock: Clock
  readonly logger: Logger
  readonly metrics: MetricsPort
  readonly status: WorkerStatus
  readonly storage: CheckpointStorage
  readonly membership: GroupMembership
  readonly createControlLog: (context: ConnectorContext) => ControlLog
  readonly createBackend: () => StateBackend
}

export type WorkerEnd = { readonly ok: true } | { readonly ok: false; readonly error: Error }

export interface RunningWorker {
  /** Never rejects. */
  readonly done: Promise<WorkerEnd>
  /** Takes a final checkpoint, for which there is `shutdownTimeoutMs`, and ends. */
  stop(): void
}

export function startWorker(parts: WorkerParts): RunningWorker {
  const stopping = new AbortController()
  return {
    done: run(parts, stopping.signal),
    stop: () => stopping.abort(),
  }
}

async function run(parts: WorkerParts, stop: AbortSignal): Promise<WorkerEnd> {
  const { logger, status, applicationId, config, clock } = parts
  const shared = new SharedResources()
  const context = (fail: (error: Error) => void): ConnectorContext => ({
    applicationId,
    workerIndex: 0,
    clock,
    logger,
    metrics: parts.metrics,
    config,
    share: (key, make) => shared.share(key, make),
    fail,
  })
  let failEpoch: (error: Error) => void = () => {}
  const callOff = afterStop(stop, config.shutdownTimeoutMs, () => failEpoch(new ShutdownTimeout()))
  try {
    await parts.storage.check()
    const controlLog = parts.createControlLog(context((error) => failEpoch(error)))
    const epoch = new Epoch({ ...parts, context, stop, controlLog, backend: parts.createBackend() })
    failEpoch = epoch.fail
    await epoch.run()
    await controlLog.close()
    status.enter('stopped')
    return { ok: true }
  } catch (thrown) {
    if (thrown instanceof ShutdownTimeout) {
      logger.warn('final-checkpoint-missed', { timeoutMs: config.shutdownTimeoutMs })
      status.enter('stopped')
      return { ok: true }
    }
    status.enter('failed')
    return { ok: false, error: toError(thrown) }
  } finally {
    callOff()
    await shared.close(logger)
    await parts.storage.close()
  }
}

class ShutdownTimeout extends Error {}

/** Calls `onLate` once, `timeoutMs` after `stop`; returns how to call it off. */
function afterStop(stop: AbortSignal, timeoutMs: number, onLate: () => void): () => void {
  let timer: NodeJS.Timeout | undefined
  const start = () => {
    timer = setTimeout(onLate, timeoutMs)
  }
  if (stop.aborted) start()
  else stop.addEventListener('abort', start, { once: true })
  return () => {
    stop.removeEventListener('abort', start)
    clearTimeout(timer)
  }
}
