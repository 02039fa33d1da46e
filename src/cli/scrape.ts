/** What a copy of a job tells over HTTP: its metrics, and its health. */
import { MillraceError, toError } from '../common/errors.ts'

export interface ScrapedSeries {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const SCRAPE_TIMEOUT_MS = 10_000

/** @param url of the copy, as it logs it, or of its /metrics. Throws MR_CLI_NOT_MEASURED. */
export async function scrape(url: string): Promise<ScrapedSeries[]> {
  return seriesOf(await read(`${baseOf(url)}/metrics`))
}

export interface ScrapedHealth {
  readonly applicationId: string
  readonly state: string
}

/** Throws MR_CLI_NOT_MEASURED. */
export async function scrapeHealth(url: string): Promise<ScrapedHealth> {
  const address = `${baseOf(url)}/healthz`
  // Of a job that has failed it is 503 with the same text.
  const text = await read(address, [503])
  try {
    const { applicationId, state } = JSON.parse(text) as Partial<ScrapedHealth>
    if (typeof applicationId === 'string' && typeof state === 'string') return { applicationId, state }
  } catch {
    // Told below.
  }
  throw new MillraceError('MR_CLI_NOT_MEASURED', `${address} is not that of a copy of a job`)
}

function baseOf(url: string): string {
  return url.replace(/\/metrics$/, '').replace(/\/$/, '')
}

async function read(address: string, allowed: readonly number[] = []): Promise<string> {
  try {
    const response = await fetch(address, { signal: AbortSignal.timeout(SCRAPE_TIMEOUT_MS) })
    if (!response.ok && !allowed.includes(response.status)) throw new Error(`it answers ${response.status}`)
    return await response.text()
  } catch (thrown) {
    const error = toError(thrown)
    const reason = error.cause instanceof Error ? error.cause.message : error.message
    throw new MillraceError('MR_CLI_NOT_MEASURED', `${address} cannot be read: ${reason}`, { cause: error })
  }
}

/** Prometheus's text format, as far as Millrace writes it (service/prometheus-text.ts). */
function seriesOf(text: string): ScrapedSeries[] {
  return text.split('\n').flatMap((line) => {
    const match = /^([a-z_][a-z0-9_]*)(?:\{(.*)\})? (\S+)/i.exec(line)
    if (match === null) return []
    const [, name = '', labels = '', value = ''] = match
    return [{ name, labels: labelsOf(labels), value: numberOf(value) }]
  })
}

function labelsOf(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([a-z_][a-z0-9_]*)="((?:[^"\\]|\\.)*)"/gi)]
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, value.replace(/\\(["\\])/g, '$1')]))
}

function numberOf(text: string): number {
  return Number(text.replace(/^([+-]?)Inf$/, '$1Infinity'))
}
