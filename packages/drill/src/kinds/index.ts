import { ACCIDENTS } from './accidents.ts'
import { DELIBERATE } from './deliberate.ts'
import type { Kind } from './kind.ts'

export type { Act, Kind } from './kind.ts'

/** All kinds of acts, accidents first. */
export const KINDS: readonly Kind[] = [...ACCIDENTS, ...DELIBERATE]
