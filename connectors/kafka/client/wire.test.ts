import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isMillraceError } from '../../../src/common/errors.ts'
import { ApiVersions } from './api-versions.ts'
import { decodeAnswer, encodeRequest, negotiateVersion, type RequestType } from './request-type.ts'
import { Fetch } from './requests/fetch-request.ts'
import { Metadata } from './requests/metadata-request.ts'
import { EndTxn } from './requests/transaction-requests.ts'
import { WireReader, WireWriter } from './wire.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 300 })
const safe = fc.integer({ min: -(2 ** 52), max: 2 ** 52 })

test('what is written is read again, in plain and in flexible versions', () => {
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.array(fc.tuple(text, fc.option(text), safe, fc.uint8Array({ maxLength: 300 })), { maxLength: 20 }),
      (flexible, items) => {
        const writer = new WireWriter(flexible, 8)
        writer.array(items, ([name, nullable, number, bytes]) => {
          writer.string(name)
          writer.nullableString(nullable)
          writer.int64(number)
          writer.bytes(bytes)
          writer.bytesByReference(Buffer.from(bytes))
          writer.tags()
        })
        writer.int8(-3)
        const reader = new WireReader(Buffer.concat(writer.chunks()), flexible)
        const read = reader.array(() => {
          const item = [reader.string(), reader.nullableString(), reader.int64(), new Uint8Array(reader.bytes())]
          assert.deepEqual(new Uint8Array(reader.bytes()), item[3])
          reader.tags()
          return item
        })
        assert.deepEqual(read, items)
        assert.equal(reader.int8(), -3)
        assert.equal(reader.remaining, 0)
      },
    ),
  )
})

test('the header of a request: version 1, and version 2 with tags for flexible versions', () => {
  const input = { transactionalId: 't', producerId: 1, producerEpoch: 2, commit: true }
  const plain = Buffer.concat(encodeRequest(EndTxn, 1, 5, 'me', input))
  assert.equal(plain.toString('hex'), `${'0000001a'}001a0001${'00000005'}00026d65${'000174'}0000000000000001000201`)
  const flexible = Buffer.concat(encodeRequest(EndTxn, 3, 5, 'me', input))
  assert.equal(flexible.toString('hex'), `${'0000001b'}001a0003${'00000005'}00026d6500${'0274'}000000000000000100020100`)
})

test('the highest version that both sides speak is taken, and none is an error that names the broker', () => {
  const type = EndTxn as unknown as RequestType<never, unknown>
  assert.equal(negotiateVersion(type, new Map([[26, { min: 0, max: 5 }]]), 'b'), 3)
  assert.equal(negotiateVersion(type, new Map([[26, { min: 0, max: 2 }]]), 'b'), 2)
  for (const range of [{ min: 4, max: 9 }, { min: 0, max: 0 }, undefined]) {
    assert.throws(
      () => negotiateVersion(type, new Map(range === undefined ? [] : [[26, range]]), 'kafka-1:9092'),
      (error) => isMillraceError(error, 'MR_KAFKA_VERSION') && /kafka-1:9092/.test(error.message),
    )
  }
})

test('damaged answers end in MR_KAFKA_PROTOCOL, whatever the damage', () => {
  const types = [Fetch, Metadata, ApiVersions] as unknown as ReadonlyArray<RequestType<never, unknown>>
  fc.assert(
    fc.property(fc.constantFrom(...types), fc.nat(), fc.uint8Array({ maxLength: 200 }), (type, pick, bytes) => {
      const version = type.minVersion + (pick % (type.maxVersion - type.minVersion + 1))
      try {
        decodeAnswer(type, version, Buffer.from(bytes), 'b')
      } catch (error) {
        assert.ok(isMillraceError(error, 'MR_KAFKA_PROTOCOL'), String(error))
      }
    }),
    { numRuns: 2_000 },
  )
})

test('a broker that does not know our ApiVersions version says so in the oldest form', () => {
  const answer = decodeAnswer(ApiVersions, 3, Buffer.from('002300000000', 'hex'), 'b')
  assert.deepEqual([answer.errorCode, answer.ranges.size], [35, 0])
})
