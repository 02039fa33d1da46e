/**
 * The layout of a segment file, version 1: docs/formats.md describes it byte by byte. Numbers are big-endian.
 *
 *   file    file header · slice of task · slice of task · … · index (JSON) · footer
 *   slice   slice header · block · block · …          decodes from its own bytes alone
 *   block   block header · payload                    some 64 KiB of entries, compressed
 */
export const FORMAT_VERSION = 1

export const FILE_MAGIC = Buffer.from('MRSEGMNT')
export const FILE_HEADER_BYTES = 12

export const SLICE_MAGIC = Buffer.from('MRSL')
/** The task key follows. */
export const SLICE_HEADER_BYTES = 20

export const BLOCK_HEADER_BYTES = 20
/** A block is closed when it reaches this. Large enough to compress well, small enough to be made in under a millisecond. */
export const BLOCK_TARGET_BYTES = 64 * 1024
/** No block is larger, whatever its header claims; so no value may be. */
export const BLOCK_LIMIT_BYTES = 1 << 30

export const FOOTER_BYTES = 28
export const FOOTER_MAGIC = Buffer.from('MRSEGEND')

export const CODEC_NONE = 0
export const CODEC_ZSTD = 1
export type BlockCodec = typeof CODEC_NONE | typeof CODEC_ZSTD
