/** The state backends by name. Loads RocksDB's native code. */
export { createMemoryBackend } from './memory/memory-backend.ts'
export { createRocksDbBackend } from './rocksdb/rocksdb-backend.ts'
