/** Each refusal has its code and says what to do. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OK, refusal, type S3Answer, scriptedS3, xml } from './testing.ts'

const TAKEN = refusal(412, 'PreconditionFailed')

describe('what S3 refuses', () => {
  const cases: [what: string, S3Answer, { code: string; remedy: RegExp }][] = [
    ['a right', refusal(403, 'AccessDenied'), { code: 'MR_STORAGE_DENIED', remedy: /Allow s3:PutObject on the bucket/ }],
    ['a bucket', refusal(404, 'NoSuchBucket'), { code: 'MR_STORAGE_NO_BUCKET', remedy: /Create it/ }],
    [
      'a region',
      refusal(301, 'PermanentRedirect', { 'x-amz-bucket-region': 'eu-west-1' }),
      { code: 'MR_STORAGE_WRONG_REGION', remedy: /^Set --s3-region eu-west-1,/ },
    ],
    ['a session that has ended', refusal(400, 'ExpiredToken'), { code: 'MR_STORAGE_CREDENTIALS', remedy: /renew them/ }],
    ['a key', refusal(403, 'InvalidAccessKeyId'), { code: 'MR_STORAGE_CREDENTIALS', remedy: /--s3-access-key-id/ }],
    ['a signature', refusal(403, 'SignatureDoesNotMatch'), { code: 'MR_STORAGE_CREDENTIALS', remedy: /secret key/ }],
    ['a quota', refusal(507, 'XMinioStorageFull'), { code: 'MR_STORAGE_FULL', remedy: /Free space/ }],
    ['a header', refusal(501, 'NotImplemented'), { code: 'MR_STORAGE_UNSUPPORTED', remedy: /If-None-Match/ }],
    ['something else', refusal(400, 'InvalidArgument'), { code: 'MR_STORAGE_REFUSED', remedy: /message/ }],
    [
      'everything, being no S3',
      { status: 404, body: '<html>Not found' },
      { code: 'MR_STORAGE_REFUSED', remedy: /check --s3-endpoint/ },
    ],
  ]
  for (const [what, answer, expected] of cases) {
    it(`${what}: ${expected.code}, at once`, async (t) => {
      const { storage, calls } = await scriptedS3(t, () => answer)
      await assert.rejects(storage.put('a', [Buffer.from('x')]), expected)
      assert.equal(calls.length, 1)
      await assert.rejects(storage.check(), expected)
    })
  }

  it('a missing file: by its path', async (t) => {
    const { storage } = await scriptedS3(t, () => refusal(404, 'NoSuchKey'))
    await assert.rejects(storage.get('a/b'), { code: 'MR_STORAGE_NOT_FOUND', message: /cannot read a\/b in s3:\/\/bucket/ })
  })

  it('reading: with the hint that a missing file may be meant', async (t) => {
    const { storage } = await scriptedS3(t, () => refusal(403, 'AccessDenied'))
    await assert.rejects(storage.get('a'), { code: 'MR_STORAGE_DENIED', remedy: /s3:ListBucket is not allowed/ })
  })
})

describe('a clock that is wrong', () => {
  const anHourLater = () => new Date(Date.now() + 3_600_000)

  it('is corrected by the first answer', async (t) => {
    const { storage, calls } = await scriptedS3(t, (_, i) =>
      i === 0 ? refusal(403, 'RequestTimeTooSkewed', { date: anHourLater().toUTCString() }) : OK,
    )
    await storage.put('a', [Buffer.from('x')])
    const hourOf = (i: number) => Number(/T(\d\d)/.exec(String(calls[i]!.headers['x-amz-date']))?.[1])
    assert.equal((hourOf(1) - hourOf(0) + 24) % 24, 1)
  })

  it('is named where that does not help', async (t) => {
    const skewed = () => refusal(403, 'RequestTimeTooSkewed', { date: anHourLater().toUTCString() })
    const { storage, calls } = await scriptedS3(t, skewed)
    await assert.rejects(storage.put('a', [Buffer.from('x')]), { code: 'MR_STORAGE_CLOCK_SKEW', remedy: /NTP/ })
    assert.equal(calls.length, 2)
  })
})

describe('the check of S3', () => {
  const usual = (put: S3Answer[]) => {
    let puts = 0
    return ({ method, query }: { method: string; query: URLSearchParams }): S3Answer =>
      method === 'PUT' ? (put[puts++] ?? OK) : query.has('list-type') ? xml('<ListBucketResult/>') : { status: 200, body: 'x' }
  }

  it('asks for each right, and for one write when it was there before', async (t) => {
    const { storage, log } = await scriptedS3(t, usual([TAKEN]))
    await storage.check()
    await storage.close()
    assert.deepEqual(log().sort(), ['DELETE ~probe-none', 'GET ?max-keys', 'GET ?uploads', 'GET ~probe', 'PUT ~probe'])
  })

  it('drops uploads that crashed writers began more than a day ago', async (t) => {
    const upload = (key: string, ageHours: number) => {
      const began = new Date(Date.now() - ageHours * 3_600_000).toISOString()
      return `<Upload><Key>${key}</Key><UploadId>of-${key}</UploadId><Initiated>${began}</Initiated></Upload>`
    }
    const uploads = [upload('a/old', 25), upload('a/young', 23), upload('not ours', 99)].join('')
    const answer = usual([TAKEN])
    const { storage, calls } = await scriptedS3(t, (call) =>
      call.query.has('uploads') ? xml(`<ListMultipartUploadsResult>${uploads}</ListMultipartUploadsResult>`) : answer(call),
    )
    await storage.check()
    await storage.close()
    const aborted = calls.filter(({ method, query }) => method === 'DELETE' && query.has('uploadId'))
    assert.deepEqual(
      aborted.map(({ key, query }) => [key, query.get('uploadId')]),
      [['a/old', 'of-a/old']],
    )
  })

  it('takes a store that shows no uploads', async (t) => {
    const answer = usual([TAKEN])
    const { storage } = await scriptedS3(t, (call) => (call.query.has('uploads') ? refusal(403, 'AccessDenied') : answer(call)))
    await storage.check()
    await storage.close()
  })

  it('refuses a store that ignores If-None-Match', async (t) => {
    const { storage } = await scriptedS3(t, usual([OK, OK]))
    await assert.rejects(storage.check(), { code: 'MR_STORAGE_UNSUPPORTED', message: /replaces an object/ })
  })

  it('takes one whose first probe it was', async (t) => {
    const { storage } = await scriptedS3(t, usual([OK, TAKEN]))
    await storage.check()
  })

  it('names the right that is missing, of all it needs', async (t) => {
    const rights: [RegExp, RegExp][] = [
      [/^GET ~probe/, /s3:GetObject/],
      [/^GET \?/, /s3:ListBucket/],
      [/^DELETE/, /s3:DeleteObject/],
    ]
    for (const [request, right] of rights) {
      const answer = usual([TAKEN])
      const { storage } = await scriptedS3(t, (call) =>
        request.test(`${call.method} ${call.key}${call.query.has('list-type') ? '?' : ''}`)
          ? refusal(403, 'AccessDenied')
          : answer(call),
      )
      await assert.rejects(storage.check(), { code: 'MR_STORAGE_DENIED', remedy: new RegExp(`^Allow ${right.source}`) })
    }
  })
})
