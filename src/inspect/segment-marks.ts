/** Where the blocks of a file's slices begin, asked of the file when it is first needed. */
import { type BlockMark, marksOf } from '../checkpoint/segment/block-marks.ts'
import { readSegmentIndex } from '../checkpoint/segment/segment-index.ts'
import { defined } from '../common/assert.ts'
import { readRange, type Snapshot } from './snapshot.ts'

/** Indexes that are kept: each is some 0.3 % of its file. */
const FILES_KEPT = 16

type SliceMarks = ReadonlyMap<number, readonly BlockMark[]>

export class SegmentMarks {
  private readonly snapshot: Snapshot
  private readonly files = new Map<string, Promise<SliceMarks>>()

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot
  }

  /** None: the slice is small, or an earlier build has written it. */
  async of({ path, offset }: { readonly path: string; readonly offset: number }): Promise<readonly BlockMark[]> {
    let reading = this.files.get(path)
    if (reading === undefined) reading = this.read(path)
    // The least recently used stands first.
    this.files.delete(path)
    this.files.set(path, reading)
    for (const oldest of this.files.keys()) {
      if (this.files.size <= FILES_KEPT) break
      this.files.delete(oldest)
    }
    try {
      return (await reading).get(offset) ?? []
    } catch (error) {
      this.files.delete(path)
      throw error
    }
  }

  private async read(path: string): Promise<SliceMarks> {
    const read = (start: number, end: number) => readRange(this.snapshot, path, start, end)
    const fileBytes = defined(this.snapshot.fileBytes.get(path), 'length of a file')
    const { slices, merged = [] } = await readSegmentIndex(read, fileBytes, path)
    return new Map([...slices, ...merged].map((slice) => [slice.offset, marksOf(slice)]))
  }
}
