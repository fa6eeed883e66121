/**
 * The flags of V8 for a process that runs long and allocates little at a time, for `setFlagsFromString` of `node:v8`. By default V8 lets the
 * space for new objects grow, and collects old ones late: such a process then holds several times what it uses.
 */
export const SMALL_HEAP_FLAGS: readonly string[] = ['--semi-space-growth-factor=1', '--optimize-for-size']
