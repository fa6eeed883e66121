import { formatIdentity, type Identity, parseIdentity, type Runtime } from '../identity/index.ts'
import type { PeerEntry } from './entry.ts'

/** Finds the peer that can run with an identity. */
export function entryWithIdentity(entries: readonly PeerEntry[], identity: string): PeerEntry | undefined {
  const parts = parseIdentity(identity)
  return entries.find(
    (entry) => entry.personality === parts?.personality && entry.runtimes.includes(parts.runtime),
  )
}

/** Returns every identity with which a peer can run, the default one first. */
export function identitiesOf({
  personality,
  defaultRuntime,
  runtimes,
}: PeerEntry): readonly [Identity, ...Identity[]] {
  const others = runtimes.filter((runtime) => runtime !== defaultRuntime)
  const identityAs = (runtime: Runtime): Identity => formatIdentity({ runtime, personality })
  return [identityAs(defaultRuntime), ...others.map(identityAs)]
}
