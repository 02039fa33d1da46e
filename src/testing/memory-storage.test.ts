import { storageContract } from '../checkpoint/storage-contract.ts'
import { MemoryStorage } from './memory-storage.ts'

storageContract('memory', () => new MemoryStorage())
