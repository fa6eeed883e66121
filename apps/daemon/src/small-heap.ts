import { setFlagsFromString } from 'node:v8'

// The daemon allocates little at a time, but V8 lets the space for new objects grow with every tick, by up to 48 MB: it stays as it is.
setFlagsFromString('--semi-space-growth-factor=1')
