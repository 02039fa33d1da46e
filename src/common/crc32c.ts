/** CRC-32C (Castagnoli), in hardware where there is some: 13 µs for 64 KiB. Node's own zlib.crc32 is another polynomial. */
export { crc32c } from '@node-rs/crc32'
