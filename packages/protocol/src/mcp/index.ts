export {
  type CallResult,
  callSendTool,
  INSTRUCTIONS,
  messageOfCall,
  receiptText,
  SEND_TOOL,
} from './send-tool.ts'
