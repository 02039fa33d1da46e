/** What a running job tells by HTTP. */
import type { JobProcess } from '../support/job-process.ts'

/** Series, as `name{labels}`, → value. */
export async function metricsOf(job: JobProcess): Promise<Map<string, number>> {
  const response = await get(job, '/metrics')
  const series = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    series.map((line) => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}

/** The job must have been started with a metrics-port. */
export async function get(job: JobProcess, path: string): Promise<Response> {
  const { url } = await job.event('metrics-listening')
  return fetch(`${url}${path}`)
}
