/** Changes source files as they are loaded. Must be called before the first of them is imported. */
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import type { Mutation, SourceEdit } from './mutations/mutation.ts'

/** Of the mutations applied so far: not met yet. */
const unmet = new Set<SourceEdit>()

/** Throws at the load of a file in which an edit's text doesn't stand exactly once: the source has moved on. */
export function applyMutation({ rule, edits }: Mutation, repository: string): void {
  for (const one of edits) unmet.add(one)
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      const own = edits.filter(({ file }) => url === pathToFileURL(`${repository}/${file}`).href)
      if (own.length === 0) return loaded
      let source = String(loaded.source)
      for (const one of own) {
        const { file, find, replace } = one
        unmet.delete(one)
        const parts = source.split(find)
        if (parts.length !== 2) throw new Error(`mutation ${rule}: its text stands ${parts.length - 1} times in ${file}`)
        source = parts.join(replace)
      }
      return { ...loaded, source }
    },
  })
}

/** Throws where the product is loaded and a file was there before it could be changed. */
export function requireMutated(): void {
  for (const { file } of unmet) throw new Error(`${file} was loaded before it could be changed, or is not loaded at all`)
}
