/**
 * `node itest/support/fill-cache.ts [kafka] [s3]`: fetches and builds what the native provider needs, all of it by
 * default, so that a later test run measures tests and not downloads. Prints the path of each.
 */
import { archiveOptions } from './kafka-archive.ts'
import { kafkaHome, kafkaJars } from './kafka-jars.ts'
import { s3Program } from './s3-programs.ts'

const FILLERS = {
  async kafka() {
    await archiveOptions(await kafkaJars())
    return kafkaHome()
  },
  async s3() {
    return (await s3Program()).path
  },
}

const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(FILLERS)
for (const name of wanted) {
  if (!Object.hasOwn(FILLERS, name)) throw new Error(`there is no ${name} to fetch, only ${Object.keys(FILLERS).join(', ')}`)
  console.log(`${name} ${await FILLERS[name as keyof typeof FILLERS]()}`)
}
