/** How figures are called in front of people, and how they are written. */
import type { FigureName } from '../../planning/job-figures.ts'

export const FIGURES_TEXT: Readonly<
  Record<FigureName, { readonly text: string; readonly kind: 'count' | 'rate' | 'bytes' | 'byte-rate' | 'time' | 'factor' }>
> = {
  entries: { text: 'live entries', kind: 'count' },
  entryBytes: { text: 'bytes of an entry', kind: 'bytes' },
  heapEntryBytes: { text: 'on the heap', kind: 'bytes' },
  updatesPerSecond: { text: 'updates', kind: 'rate' },
  inputPerSecond: { text: 'input', kind: 'rate' },
  capacityPerSecond: { text: 'capacity', kind: 'rate' },
  uploadBytesPerSecond: { text: 'upload speed', kind: 'byte-rate' },
  restoreBytesPerSecond: { text: 'restore speed', kind: 'byte-rate' },
  overheadMs: { text: 'checkpoint overhead', kind: 'time' },
  metadataBytes: { text: 'metadata', kind: 'bytes' },
  storageFactor: { text: 'stored ÷ live', kind: 'factor' },
  restoreFactor: { text: 'restored ÷ live', kind: 'factor' },
  compactionFactor: { text: 'compacted ÷ changed', kind: 'factor' },
  restartMs: { text: 'restart', kind: 'time' },
}
