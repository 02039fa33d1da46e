import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { pathToFileURL } from 'node:url'
import { storageContract } from '../../src/checkpoint/storage-contract.ts'
import { createFileStorage } from './file-storage.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-file-storage-'))
after(() => rmSync(folder, { recursive: true, force: true }))

let count = 0
storageContract('a folder', () => createFileStorage(pathToFileURL(join(folder, `${++count}`)).href))
