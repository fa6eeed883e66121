import type { Launched } from '../launch/index.ts'
import { hasMark, setMark } from '../sessions/index.ts'

/**
 * Adds a warning to the first launch of an identity whose profile states no permissions: it was started with the default. A mark
 * notes that the person was told.
 */
export async function notePermissions(root: string, peer: string, launched: Launched): Promise<Launched> {
  const { identity } = launched.session
  if (launched.defaultPermissions !== true || hasMark(root, identity, 'asks')) return launched
  await setMark(root, identity, 'asks')
  const warning = `${peer} asks before it acts, because its profile states no permissions. To let it act without asking: iapeer set ${peer} permissions=skip`
  return { ...launched, warnings: [...launched.warnings, warning] }
}
