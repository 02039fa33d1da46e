/** `millrace` with ports that die or cheat where the environment says (faults.ts). The engine is the real one. */
import type { JobDefinition } from '../../src/api/define-job.ts'
import { decodeSlice } from '../../src/checkpoint/segment/decode-slice.ts'
import { rangesOf, readSegmentIndex } from '../../src/checkpoint/segment/segment-index.ts'
import type { GraphNode } from '../../src/graph/job-graph.ts'
import type { CheckpointStorage } from '../../src/ports/checkpoint-storage.ts'
import type { ControlLog } from '../../src/ports/control-log.ts'
import type { StateBackend } from '../../src/ports/state-backend.ts'
import type { Sink, TransactionParticipant } from '../../src/ports/transactional-sink.ts'
import { runProgram } from '../../src/program.ts'
import { productionWiring } from '../../src/wiring.ts'
import { faultsFromEnvironment, Killer } from './faults.ts'

const faults = faultsFromEnvironment(process.env)
const killer = new Killer(faults)
let backend: StateBackend | undefined

/** A proxy with some methods replaced; the rest works on the real object. */
function substitute<T extends object>(real: T, methods: Partial<T>): T {
  return new Proxy(real, {
    get(target, name) {
      const own = Reflect.get(methods, name)
      if (own !== undefined) return own
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

function faultyStorage(real: CheckpointStorage): CheckpointStorage {
  return substitute(real, {
    async put(path, chunks, signal) {
      const isSegment = path.endsWith('.seg')
      if (isSegment) {
        const landing = real.put(path, chunks, signal)
        await Promise.race([landing, new Promise((resolve) => setImmediate(resolve))])
        killer.reach('during-upload')
        await landing
        if (faults.bug === 'overlay-not-dropped') await applyTooEarly(Buffer.concat(chunks), path)
        return
      }
      await real.put(path, chunks, signal)
      killer.reach('after-metadata')
    },
  })
}

/** The bug: state of a checkpoint that is not complete gets into the backend. */
async function applyTooEarly(segment: Buffer, path: string): Promise<void> {
  for (const { task, offset, bytes } of (await readSegmentIndex(rangesOf(segment), segment.length, path)).slices) {
    await backend?.apply([...decodeSlice(segment.subarray(offset, offset + bytes), { path, task })], new Map())
  }
}

function faultyBackend(real: StateBackend): StateBackend {
  backend = real
  return substitute(real, {
    async apply(changes, markers) {
      const landing = real.apply(changes, markers)
      if (changes.length > 0) {
        await Promise.race([landing, new Promise((resolve) => setImmediate(resolve))])
        killer.reach('during-state-write')
      }
      await landing
    },
  })
}

function faultyControlLog(real: ControlLog): ControlLog {
  return substitute(real, {
    async append(values) {
      if (values.some((value) => value.includes('"checkpoint-acked"'))) killer.reach('before-ack')
      const offset = await real.append(values)
      if (values.some((value) => value.includes('"transaction-salvaged"'))) killer.reach('after-salvage-record')
      return offset
    },
  })
}

function faultySink(real: Sink<unknown>): Sink<unknown> {
  return substitute(real, {
    async open(context) {
      const opened = await real.open(context)
      return opened.participant === undefined ? opened : { ...opened, participant: faultyParticipant(opened.participant) }
    },
  })
}

function faultyParticipant(real: TransactionParticipant): TransactionParticipant {
  return substitute(real, {
    async cut() {
      const committable = await real.cut()
      if (faults.bug === 'commit-before-completion' && committable !== null) await real.commit(committable)
      return committable
    },
    async salvage(lost) {
      const part = await real.salvage(lost)
      killer.reach('after-salvage-flush')
      return part
    },
    async settle(committable) {
      const outcome = await real.settle(committable)
      if (outcome.kind === 'committed' && committable.id.includes('.salvage:')) killer.reach('after-salvage-commit')
      return outcome
    },
    async commit(committable) {
      killer.reach('before-commit')
      if (faults.commitsHang) await new Promise<never>(() => {})
      if (faults.bug === 'commit-before-completion') return { kind: 'committed' }
      const outcome = await real.commit(committable)
      killer.reach('after-commit')
      return outcome
    },
  })
}

function faultyJob(job: JobDefinition): JobDefinition {
  const nodes = job.graph.nodes.map(
    (node): GraphNode => (node.kind === 'sink' ? { ...node, sink: faultySink(node.sink) } : node),
  )
  return { ...job, graph: { ...job.graph, nodes } }
}

await runProgram({
  openStorage: async (config) => faultyStorage(await productionWiring.openStorage(config)),
  createControlLog: (context) => faultyControlLog(productionWiring.createControlLog(context)),
  createBackend: (config, index) => faultyBackend(productionWiring.createBackend(config, index)),
  prepareJob: faultyJob,
})
