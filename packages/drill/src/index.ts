export { type DrillOptions, type DrillResult, type Finding, type KindResult, runDrill } from './drill.ts'
export { KINDS } from './kinds/index.ts'
export { makePrivateDirectory, removePrivateDirectory } from './private-directory.ts'
export { junit, type KindSummary, summaryOf, type Times, timesOf } from './report.ts'
