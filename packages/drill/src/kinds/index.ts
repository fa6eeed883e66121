import { ACCIDENTS } from './accidents.ts'
import { DELIBERATE } from './deliberate.ts'
import type { Kind } from './kind.ts'
import { LIMITS } from './limits.ts'
import { MOMENTS } from './moments.ts'

export type { Act, Kind } from './kind.ts'

/** All kinds of acts, accidents first. */
export const KINDS: readonly Kind[] = [...ACCIDENTS, ...LIMITS, ...DELIBERATE, ...MOMENTS]
