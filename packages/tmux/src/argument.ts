/** tmux takes an argument that ends in `;` for the end of a command, unless a backslash stands before it (tmux(1)). */
export const literalArgument = (text: string): string => text.replace(/;$/, '\\;')
