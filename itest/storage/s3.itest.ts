/** The S3 storage on a real S3 server: the contract, outages, refusals, a full disk. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import { createS3Storage, type S3StorageOptions } from '../../connectors/s3/s3-storage.ts'
import { storageContract } from '../../src/checkpoint/storage-contract.ts'
import type { CheckpointStorage } from '../../src/ports/checkpoint-storage.ts'
import { type S3Server, startS3 } from '../support/servers.ts'

const MIB = 1024 * 1024

let s3: S3Server
before(async () => {
  s3 = await startS3()
})
after(() => s3.close())

let count = 0
/** With a prefix of its own. */
const optionsFor = (changed: Partial<S3StorageOptions> = {}): S3StorageOptions => ({
  uri: `s3://${s3.bucket}/jobs/${++count}`,
  endpoint: s3.endpoint,
  region: undefined,
  forcePathStyle: undefined,
  accessKeyId: s3.accessKeyId,
  secretAccessKey: s3.secretAccessKey,
  ...changed,
})

async function withStorage(use: (storage: CheckpointStorage) => Promise<void>, changed: Partial<S3StorageOptions> = {}) {
  const storage = createS3Storage(optionsFor(changed))
  try {
    await use(storage)
  } finally {
    await storage.close()
  }
}

const paths = async (storage: CheckpointStorage) => (await Array.fromAsync(storage.list(''))).map(({ path }) => path)

/** Uploads in parts that were begun and neither completed nor aborted. */
async function uploadsUnderWay(): Promise<number> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } })
  try {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: s3.bucket }))
    return Uploads.length
  } finally {
    client.destroy()
  }
}

storageContract('S3', () => createS3Storage(optionsFor()))
storageContract('S3 without a prefix', async () => {
  const storage = createS3Storage(optionsFor({ uri: `s3://${s3.bucket}` }))
  await storage.delete(await paths(storage))
  return storage
})

describe('an S3 server that goes away', () => {
  test('is waited for by whatever is under way', { timeout: 120_000 }, () =>
    withStorage(async (storage) => {
      await storage.put('before', [Buffer.from('x')])
      const large = randomBytes(24 * MIB)
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        const large$ = storage.put(`large-${signal}`, [large])
        await sleep(30)
        await s3.stop(signal)
        const underWay = [
          large$,
          storage.put(`small-${signal}`, [Buffer.from('x')]),
          storage.get('before'),
          storage.getRange('before', 0, 1),
          Array.fromAsync(storage.list('before')),
          storage.delete(['none']),
          storage.check(),
        ]
        await sleep(3_000)
        await s3.start()
        await Promise.all(underWay)
        assert.deepEqual(await storage.get(`large-${signal}`), large)
      }
      assert.deepEqual(await paths(storage), ['before', 'large-SIGKILL', 'large-SIGTERM', 'small-SIGKILL', 'small-SIGTERM'])
    }),
  )

  test('is not waited for by what is aborted', { timeout: 60_000 }, () =>
    withStorage(async (storage) => {
      await s3.stop('SIGKILL')
      try {
        const signal = AbortSignal.timeout(500)
        await Promise.all([
          assert.rejects(storage.put('file', [randomBytes(12 * MIB)], signal), { name: 'TimeoutError' }),
          assert.rejects(storage.get('file', signal), { name: 'TimeoutError' }),
        ])
      } finally {
        await s3.start()
      }
    }),
  )

  test('is named, with what to look at, when it does not come back', { timeout: 60_000 }, () =>
    withStorage(
      (storage) =>
        assert.rejects(storage.check(), {
          code: 'MR_STORAGE_UNAVAILABLE',
          message: /http:\/\/127\.0\.0\.1:9: connect ECONNREFUSED .* attempts/,
          remedy: /--s3-endpoint/,
        }),
      { endpoint: 'http://127.0.0.1:9' },
    ),
  )
})

test('an upload that is aborted or refused leaves no parts behind', { timeout: 120_000 }, async () => {
  const before = await uploadsUnderWay()
  await withStorage(async (storage) => {
    const large = randomBytes(30 * MIB)
    await storage.put('taken', [Buffer.from('x')])
    await assert.rejects(storage.put('taken', [large]), { code: 'MR_STORAGE_EXISTS' })
    for (const delayMs of [1, 3, 10, 30, 60]) {
      await assert.rejects(storage.put('slow', [large], AbortSignal.timeout(delayMs)), { name: 'TimeoutError' })
    }
    assert.deepEqual(await paths(storage), ['taken'])
  })
  assert.equal(await uploadsUnderWay(), before)
})

describe('what S3 refuses', () => {
  const refusals: [string, () => Partial<S3StorageOptions>, { code: string; remedy: RegExp }][] = [
    ['a wrong secret key', () => ({ secretAccessKey: 'wrong' }), { code: 'MR_STORAGE_CREDENTIALS', remedy: /secret key/ }],
    ['an unknown access key', () => ({ accessKeyId: 'nobody' }), { code: 'MR_STORAGE_CREDENTIALS', remedy: /access-key-id/ }],
    ['a bucket that is not there', () => ({ uri: 's3://nowhere/jobs' }), { code: 'MR_STORAGE_NO_BUCKET', remedy: /Create it/ }],
    ['another region', () => ({ region: 'eu-west-1' }), { code: 'MR_STORAGE_WRONG_REGION', remedy: /--s3-region us-east-1/ }],
    [
      'TLS where none is spoken',
      () => ({ endpoint: s3.endpoint.replace('http:', 'https:') }),
      { code: 'MR_STORAGE_TLS', remedy: /speaks TLS/ },
    ],
  ]
  for (const [what, changed, expected] of refusals) {
    test(`${what} is named at the start and later, with its remedy`, () =>
      withStorage(async (storage) => {
        await assert.rejects(storage.check(), expected)
        await assert.rejects(storage.put('file', [Buffer.from('x')]), expected)
        await assert.rejects(Array.fromAsync(storage.list('')), expected)
      }, changed()))
  }
})

test('a full disk of the server is named, and space makes it go on', async (t) => {
  if (s3.dataDir === undefined) return t.skip('the data of this S3 server is not a folder here')
  const folder = join(s3.dataDir, s3.bucket)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return t.skip('mounting a small file system takes root on Linux')
  }
  t.after(() => execFileSync('umount', ['--lazy', folder]))
  await withStorage(async (storage) => {
    const half = [randomBytes(4 * MIB - 100_000)]
    await storage.put('a', half)
    await assert.rejects(storage.put('b', [randomBytes(4.5 * MIB)]), { code: 'MR_STORAGE_FULL', remedy: /Free space/ })
    await assert.rejects(storage.put('c', [randomBytes(20 * MIB)]), { code: 'MR_STORAGE_FULL' })
    await storage.delete(['a'])
    await storage.put('d', half)
    assert.deepEqual(await paths(storage), ['d'])
  })
})

test('two processes that start at once both find that names are kept', () =>
  withStorage(async (storage) => {
    await Promise.all(Array.from({ length: 8 }, () => storage.check()))
  }))
