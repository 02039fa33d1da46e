/** Puts the manifests of all workers and the checkpoint before together: the metadata of a whole checkpoint. Pure. */
import { defined } from '../common/assert.ts'
import type { ExchangeTopic } from '../ports/exchange.ts'
import { composeChains } from './compose-chains.ts'
import type { ExchangePosition, WorkerManifest } from './manifest.ts'
import {
  type CheckpointMetadata,
  type ExchangePositions,
  METADATA_FORMAT,
  type SourcePositions,
  type StateDescription,
  versionFor,
  type WriterChannels,
} from './metadata.ts'
import type { CheckpointKind } from './protocol/control-records.ts'

export interface CheckpointFacts {
  readonly applicationId: string
  readonly checkpoint: number
  readonly epoch: number
  readonly kind: CheckpointKind
  readonly triggeredAtMs: number
  readonly completedAtMs: number
  readonly graphDigest: string
  readonly states: readonly StateDescription[]
  /** Where the sources stand that no manifest tells of: identities, and the start positions of checkpoint 0. */
  readonly sources: Readonly<Record<string, SourcePositions>>
  readonly exchanges: readonly ExchangeTopic[]
  readonly manifests: readonly WorkerManifest[]
  readonly previous: { readonly metadata: CheckpointMetadata; readonly sha256: string } | null
}

export function composeMetadata(facts: CheckpointFacts): CheckpointMetadata {
  const { manifests, previous, checkpoint } = facts
  const { segments, chains, writtenBytes } = composeChains(checkpoint, manifests, previous?.metadata ?? null)
  const exchanges = exchangesOf(facts)
  return {
    format: METADATA_FORMAT,
    version: versionFor(chains),
    applicationId: facts.applicationId,
    checkpoint,
    epoch: facts.epoch,
    kind: facts.kind,
    parent: previous === null ? null : { checkpoint: previous.metadata.checkpoint, sha256: previous.sha256 },
    triggeredAt: new Date(facts.triggeredAtMs).toISOString(),
    completedAt: new Date(facts.completedAtMs).toISOString(),
    durationMs: Math.round(facts.completedAtMs - facts.triggeredAtMs),
    graphDigest: facts.graphDigest,
    sources: positionsOf(facts),
    exchanges,
    writers: writersOf(facts, exchanges),
    watermarks: Object.assign({}, previous?.metadata.watermarks, ...manifests.map(({ watermarks }) => watermarks)),
    states: facts.states,
    segments,
    chains,
    committables: Object.fromEntries(manifests.map((manifest) => [manifest.worker, manifest.committables])),
    writtenBytes,
    totalBytes: segments.reduce((sum, segment) => sum + segment.bytes, 0),
  }
}

function positionsOf({ manifests, sources, previous }: CheckpointFacts): Record<string, SourcePositions> {
  const result: Record<string, { identity: string; positions: Record<string, number> }> = {}
  for (const [name, { identity, positions }] of Object.entries(sources)) {
    result[name] = { identity, positions: { ...positions, ...previous?.metadata.sources[name]?.positions } }
  }
  for (const manifest of manifests) {
    for (const [name, positions] of Object.entries(manifest.positions)) {
      Object.assign(defined(result[name], `source ${name}`).positions, positions)
    }
  }
  return result
}

function exchangesOf({ manifests, exchanges, previous }: CheckpointFacts): Record<string, ExchangePositions> {
  const result: Record<string, ExchangePositions> = {}
  for (const { exchange, identity, partitions } of exchanges) {
    const positions: Record<string, ExchangePosition> = { ...previous?.metadata.exchanges[exchange]?.positions }
    for (const manifest of manifests) Object.assign(positions, manifest.inputs[exchange])
    result[exchange] = { identity, partitions, positions }
  }
  return result
}

/** Those of this epoch, and of earlier ones those that some reader has not read to their end. */
function writersOf(
  { manifests, previous, epoch }: CheckpointFacts,
  exchanges: Readonly<Record<string, ExchangePositions>>,
): WriterChannels[] {
  const current = manifests.flatMap(({ output }) => (output === null ? [] : [{ ...output, epoch }]))
  const ids = new Set(current.map(({ producerId }) => producerId))
  const earlier = (previous?.metadata.writers ?? []).filter(
    (writer) => !ids.has(writer.producerId) && !isReadToItsEnd(writer, exchanges),
  )
  return [...earlier, ...current]
}

function isReadToItsEnd({ ends }: WriterChannels, exchanges: Readonly<Record<string, ExchangePositions>>): boolean {
  return Object.entries(ends).every(([exchange, byPartition]) =>
    Object.entries(byPartition).every(
      ([partition, end]) => (exchanges[exchange]?.positions[partition]?.position ?? Number.NEGATIVE_INFINITY) >= end,
    ),
  )
}
