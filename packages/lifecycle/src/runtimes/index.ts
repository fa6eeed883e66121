export { adapterOf } from './adapters.ts'
export type { AgentReport } from './agent-report.ts'
export { type ClaudeMailFiles, claudeMailFiles, statedSettings } from './claude-mail.ts'
export { type ClaudeReport, readClaudeReport } from './claude-report.ts'
export { transcriptOf } from './claude-sessions.ts'
export { appServerSocket, embeddedMark } from './codex-pane.ts'
export { environmentOf, readLaunchEnv } from './launch-env.ts'
export { hasPermissions, permissionsOf, readPermissionArgs } from './permission-args.ts'
export type {
  Control,
  ControlInput,
  LaunchMail,
  LaunchRequest,
  RuntimeAdapter,
  SessionLocation,
  StoredConversation,
} from './runtime.ts'
export { claudeScreen } from './screen/claude-screen.ts'
export { codexScreen } from './screen/codex-screen.ts'
export { lastRows } from './screen/rows.ts'
export type { PressStep, ScreenReader, ScreenReading } from './screen/screen-reader.ts'
export { firstField } from './session-files.ts'
export { composeSystemPrompt, type PromptLayers } from './system-prompt/compose.ts'
export type { PromptIdentity } from './system-prompt/identity-block.ts'
export { writeSystemPrompt } from './system-prompt/write-system-prompt.ts'
