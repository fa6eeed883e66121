import { setFlagsFromString } from 'node:v8'

// The daemon allocates little at a time, but V8 lets the space for new objects grow with its ticks, and collects old ones only when their
// space has grown by half or more. docs/benchmarks.md has its memory.
setFlagsFromString('--semi-space-growth-factor=1')
setFlagsFromString('--optimize-for-size')
