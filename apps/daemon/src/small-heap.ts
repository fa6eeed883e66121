import { setFlagsFromString } from 'node:v8'

// The daemon allocates little at a time, but V8 lets the space for new objects grow with its ticks, and collects old ones
// late: with 300 peers they took 19 MB, of which 12 MB were in use. docs/benchmarks.md has its memory.
setFlagsFromString('--semi-space-growth-factor=1')
setFlagsFromString('--optimize-for-size')
