/** What S3 does on a bad day, answer by answer. The contract itself runs against a real server (itest/storage). */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { OK, refusal, type S3Answer, scriptedS3, xml } from './testing.ts'

const X = [Buffer.from('content')]
const found = (body: string, headers: Record<string, string> = {}): S3Answer => ({ status: 200, headers, body })
const CONFLICT = refusal(409, 'ConditionalRequestConflict')
const TAKEN = refusal(412, 'PreconditionFailed')

describe('a put to S3', () => {
  it('is conditional and carries a checksum, whatever the environment says', async (t) => {
    process.env.AWS_REQUEST_CHECKSUM_CALCULATION = 'WHEN_REQUIRED'
    t.after(() => {
      delete process.env.AWS_REQUEST_CHECKSUM_CALCULATION
    })
    const { storage, calls } = await scriptedS3(t, () => OK)
    await storage.put('a', X)
    const checksum = Buffer.alloc(4)
    checksum.writeUInt32BE(crc32('content'))
    assert.equal(calls[0]!.headers['if-none-match'], '*')
    assert.equal(calls[0]!.headers['x-amz-checksum-crc32'], checksum.toString('base64'))
    assert.equal(calls.length, 1)
  })

  it('whose answer was lost is found to have succeeded', async (t) => {
    const { storage, log } = await scriptedS3(t, ({ method }, i) =>
      i === 0 ? 'reset' : method === 'PUT' ? TAKEN : found('content'),
    )
    await storage.put('a', X)
    assert.deepEqual(log(), ['PUT a', 'PUT a', 'GET a'])
  })

  it('of other bytes than are there is refused', async (t) => {
    const { storage } = await scriptedS3(t, ({ method }) => (method === 'PUT' ? TAKEN : found('contenT')))
    await assert.rejects(storage.put('a', X), { code: 'MR_STORAGE_EXISTS' })
  })

  it('that meets another under way is repeated', async (t) => {
    const { storage, log } = await scriptedS3(t, (_, i) => (i < 2 ? CONFLICT : OK))
    await storage.put('a', X)
    assert.deepEqual(log(), ['PUT a', 'PUT a', 'PUT a'])
  })

  it('to a name that is taken and free again is repeated', async (t) => {
    const { storage, log } = await scriptedS3(t, ({ method }, i) =>
      i === 0 ? TAKEN : method === 'GET' ? refusal(404, 'NoSuchKey') : OK,
    )
    await storage.put('a', X)
    assert.deepEqual(log(), ['PUT a', 'GET a', 'PUT a'])
  })

  it('does not believe a store for ever that calls a name taken and missing', async (t) => {
    const { storage } = await scriptedS3(t, ({ method }) => (method === 'PUT' ? TAKEN : refusal(404, 'NoSuchKey')))
    await assert.rejects(storage.put('a', X), { code: 'MR_STORAGE_REFUSED' })
  })

  it('sits out overload, errors and lost connections', async (t) => {
    const trouble: S3Answer[] = [
      refusal(503, 'SlowDown'),
      refusal(500, 'InternalError'),
      { status: 502, body: '<html>Bad gateway</html>' },
      { status: 429 },
      refusal(400, 'RequestTimeout'),
      refusal(400, 'BadDigest'),
      'reset',
      'silence',
    ]
    const { storage, calls } = await scriptedS3(t, (_, i) => trouble[i] ?? OK)
    await storage.put('a', X)
    assert.equal(calls.length, trouble.length + 1)
    assert(calls.every(({ body }) => body.equals(X[0]!)))
  })

  it('ends at the deadline, with the last answer and how often it was asked', async (t) => {
    const { storage } = await scriptedS3(t, () => refusal(503, 'SlowDown'), { deadlineMs: 1_500 })
    await assert.rejects(storage.put('a/b', X), {
      code: 'MR_STORAGE_SLOW',
      message:
        /^cannot write a\/b in s3:\/\/bucket at http:\S+: SlowDown: said by the test \(HTTP 503\) \(\d+ attempts in \d\.\d s\)$/,
    })
  })

  it('ends when it is aborted, between attempts and within one', async (t) => {
    for (const answer of [refusal(503, 'SlowDown'), 'silence'] as const) {
      const { storage } = await scriptedS3(t, () => answer)
      await assert.rejects(storage.put('a', X, AbortSignal.timeout(60)), { name: 'TimeoutError' })
    }
  })
})

describe('a put of a large file to S3', () => {
  const MIB = 1024 * 1024
  const large = [Buffer.alloc(3 * MIB, 1), Buffer.alloc(9 * MIB, 2)]
  const whole = Buffer.concat(large)
  const begun = xml('<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>')
  const completed = xml('<CompleteMultipartUploadResult><ETag>"e"</ETag></CompleteMultipartUploadResult>')
  const ranged = (header: string | undefined): S3Answer => {
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(header ?? '') ?? []
    const body = whole.subarray(Number(start), Number(end) + 1)
    return { status: 206, headers: { 'content-range': `bytes ${start}-${end}/${whole.length}` }, body }
  }
  const isBegin = (query: URLSearchParams) => query.has('uploads')

  it('sends parts of 5 MiB and completes them on condition', async (t) => {
    const { storage, calls, log } = await scriptedS3(t, ({ method, query }) =>
      isBegin(query) ? begun : method === 'PUT' ? OK : completed,
    )
    await storage.put('a', large)
    const asked = log()
    assert.deepEqual([asked[0], asked.at(-1)], ['POST a?uploads', 'POST a?uploadId'])
    // On a busy machine a part may have been sent twice.
    const parts = new Map(
      calls.filter(({ method }) => method === 'PUT').map(({ query, body }) => [Number(query.get('partNumber')), body]),
    )
    assert.equal(parts.size, 3)
    const inOrder = [...parts].sort(([a], [b]) => a - b)
    assert(Buffer.concat(inOrder.map(([, body]) => body)).equals(whole))
    assert.equal(calls.at(-1)!.headers['if-none-match'], '*')
    assert.match(String(calls.at(-1)!.body), /<PartNumber>3<\/PartNumber>/)
  })

  it('whose completion was not heard of is found to have succeeded', async (t) => {
    let completions = 0
    const { storage, log } = await scriptedS3(t, ({ method, query, headers }) => {
      if (isBegin(query)) return begun
      if (method === 'PUT') return OK
      if (method === 'GET') return ranged(headers.range)
      if (method === 'DELETE') return { status: 404 }
      return completions++ === 0 ? 'reset' : refusal(404, 'NoSuchUpload')
    })
    await storage.put('a', large)
    assert.equal(log().filter((line) => line.startsWith('GET')).length, 3)
  })

  it('that meets another at its completion is uploaded anew', async (t) => {
    let uploads = 0
    const { storage, log } = await scriptedS3(t, ({ method, query }) => {
      if (isBegin(query)) {
        uploads++
        return begun
      }
      if (method === 'PUT') return OK
      if (method === 'GET') return refusal(404, 'NoSuchKey')
      if (method === 'DELETE') return { status: 204 }
      return uploads === 1 ? CONFLICT : completed
    })
    await storage.put('a', large)
    assert.equal(uploads, 2)
    await storage.close()
    assert(log().includes('DELETE a?uploadId'))
  })

  it('repeats a part alone', async (t) => {
    let failures = 0
    const { storage, log } = await scriptedS3(t, ({ method, query }) => {
      if (isBegin(query)) return begun
      if (method !== 'PUT') return completed
      return query.get('partNumber') === '2' && failures++ < 2 ? refusal(500, 'InternalError') : OK
    })
    await storage.put('a', large)
    assert.equal(log().filter((line) => line.startsWith('PUT')).length, 5)
  })

  it('drops its parts when one is refused', async (t) => {
    const { storage, log } = await scriptedS3(t, ({ method, query }) => {
      if (isBegin(query)) return begun
      if (method === 'DELETE') return { status: 204 }
      return query.get('partNumber') === '2' ? refusal(403, 'AccessDenied') : OK
    })
    await assert.rejects(storage.put('a', large), { code: 'MR_STORAGE_DENIED' })
    await storage.close()
    // Again at the end: a part that was under way may have arrived behind the first.
    const drop = 'DELETE a?uploadId'
    assert.equal(log().filter((line) => line === drop).length, 2)
    assert.equal(log().at(-1), drop)
  })
})

describe('a get from S3', () => {
  it('is repeated when the body breaks off, stands still or is damaged', async (t) => {
    const damaged = found('c0ntent', { 'x-amz-checksum-crc32': 'AAAAAA==' })
    const trouble: S3Answer[] = [
      { status: 200, body: 'content', cut: { after: 3, ending: 'reset' } },
      { status: 200, body: 'content', cut: { after: 3, ending: 'silence' } },
      damaged,
    ]
    const { storage, calls } = await scriptedS3(t, (_, i) => trouble[i] ?? found('content'))
    assert.equal(String(await storage.get('a')), 'content')
    assert.equal(calls.length, 4)
  })

  it('says where bytes are damaged again and again', async (t) => {
    const { storage } = await scriptedS3(t, () => found('c0ntent', { 'x-amz-checksum-crc32': 'AAAAAA==' }), { deadlineMs: 50 })
    await assert.rejects(storage.get('a'), { code: 'MR_STORAGE_UNAVAILABLE', remedy: /Bytes change/ })
  })

  it('ends when it is aborted amid the body', async (t) => {
    const { storage } = await scriptedS3(t, () => ({ status: 200, body: 'content', cut: { after: 3, ending: 'silence' } }))
    await assert.rejects(storage.get('a', AbortSignal.timeout(60)), { name: 'TimeoutError' })
  })

  it('of a range takes the range out of a whole file, where the store sends that', async (t) => {
    const { storage, calls } = await scriptedS3(t, () => found('0123456789'))
    assert.equal(String(await storage.getRange('a', 2, 5)), '234')
    assert.equal(calls[0]!.headers.range, 'bytes=2-4')
  })
})

describe('a list from S3', () => {
  it('follows the pages, tries each again, and leaves out what is not ours', async (t) => {
    const page = (keys: string[], next?: string): S3Answer =>
      xml(
        `<ListBucketResult><IsTruncated>${next !== undefined}</IsTruncated>${next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`}${keys
          .map(
            (key) =>
              `<Contents><Key>${key}</Key><Size>3</Size><LastModified>2026-11-21T03:00:00.000Z</LastModified></Contents>`,
          )
          .join('')}</ListBucketResult>`,
      )
    const answers = [page(['a', 'b/c'], 't1'), refusal(503, 'SlowDown'), page(['d', 'e f', 'g/', '~probe'])]
    const { storage, calls } = await scriptedS3(t, (_, i) => answers[i] ?? OK)
    const files = await Array.fromAsync(storage.list(''))
    assert.deepEqual(
      files.map(({ path }) => path),
      ['a', 'b/c', 'd'],
    )
    assert.deepEqual(files[0], { path: 'a', bytes: 3, modifiedAtMs: Date.UTC(2026, 10, 21, 3) })
    assert.deepEqual(
      calls.map(({ query }) => query.get('continuation-token')),
      [null, 't1', 't1'],
    )
  })
})

describe('a deletion in S3', () => {
  const errors = (...entries: [key: string, code: string][]): S3Answer =>
    xml(
      `<DeleteResult>${entries.map(([key, code]) => `<Error><Key>${key}</Key><Code>${code}</Code><Message>m</Message></Error>`).join('')}</DeleteResult>`,
    )
  const keysIn = (body: Buffer) => [...String(body).matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key)

  it('asks again for the keys that failed, and for those alone', async (t) => {
    const { storage, calls } = await scriptedS3(t, (_, i) =>
      i === 0 ? errors(['b', 'InternalError'], ['c', 'NoSuchKey']) : errors(),
    )
    await storage.delete(['a', 'b', 'c'])
    assert.deepEqual(
      calls.map(({ body }) => keysIn(body)),
      [['a', 'b', 'c'], ['b']],
    )
  })

  it('names the right that is missing', async (t) => {
    const { storage } = await scriptedS3(t, () => errors(['b', 'InternalError'], ['c', 'AccessDenied']))
    await assert.rejects(storage.delete(['a', 'b', 'c']), { code: 'MR_STORAGE_DENIED', remedy: /Allow s3:DeleteObject/ })
  })

  it('takes a thousand at a time', async (t) => {
    const { storage, calls } = await scriptedS3(t, () => errors())
    await storage.delete(Array.from({ length: 2500 }, (_, i) => `f${i}`))
    assert.deepEqual(
      calls.map(({ body }) => keysIn(body).length),
      [1000, 1000, 500],
    )
  })

  it('goes one by one where the store has no batches', async (t) => {
    const { storage, log } = await scriptedS3(t, ({ method }) =>
      method === 'POST' ? refusal(501, 'NotImplemented') : { status: 204 },
    )
    await storage.delete(['a', 'b'])
    assert.deepEqual(log().sort(), ['DELETE a', 'DELETE b', 'POST ?delete'])
  })

  it('of nothing asks nothing', async (t) => {
    const { storage, calls } = await scriptedS3(t, () => OK)
    await storage.delete([])
    assert.equal(calls.length, 0)
  })
})
