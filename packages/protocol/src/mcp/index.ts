export {
  type CallResult,
  callSendTool,
  INSTRUCTIONS,
  messageOfCall,
  receiptText,
  SEND_TOOL,
  SEND_TOOL_NAME,
} from './send-tool.ts'
