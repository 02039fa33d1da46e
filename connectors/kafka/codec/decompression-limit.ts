import { MillraceError } from '../../../src/common/errors.ts'

/** The batch would grow beyond what the reader allows: a decompression bomb, or a limit set too low. */
export function decompressedTooLarge(kind: string, maxBytes: number): MillraceError {
  return new MillraceError('MR_KAFKA_BATCH_TOO_LARGE', `a ${kind} batch decompresses to more than ${maxBytes} bytes`, {
    details: { compression: kind, maxBytes },
  })
}
