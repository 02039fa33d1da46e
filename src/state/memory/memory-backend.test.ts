import { stateBackendContract } from '../backend-contract.ts'
import { createMemoryBackend } from './memory-backend.ts'

stateBackendContract('memory', () => createMemoryBackend())
