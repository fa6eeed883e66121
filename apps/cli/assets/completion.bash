# bash completion for iapeer; iapeer completion --help says where it belongs
# For bash 3.2 and newer, with builtins only: no package is needed. bash splits words at : and =, which panes (default:%3) and
# options (--peer=bob) contain: this joins such parts, and returns the part behind the last break.
__iapeer_complete() {
    local rest=${COMP_LINE:0:COMP_POINT} i stripped word cur tail prefix line value
    local directive=0 count=0 words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        stripped=${rest#"${rest%%[![:space:]]*}"}
        word=${COMP_WORDS[i]}
        ((i == COMP_CWORD)) && word=$stripped
        if ((i > 0)) && [[ -n $word && $rest == "$stripped" ]]; then
            words[count - 1]+=$word
        else
            words[count++]=$word
        fi
        rest=${stripped#"$word"}
    done
    cur=${words[count - 1]}
    tail=$cur
    [[ $COMP_WORDBREAKS == *:* ]] && tail=${tail##*:}
    [[ $COMP_WORDBREAKS == *=* ]] && tail=${tail##*=}
    prefix=${cur%"$tail"}
    COMPREPLY=()
    while IFS= read -r line; do
        value=${line%%$'\t'*}
        if [[ $line == :[0-9]* ]]; then
            directive=${line#:}
        elif [[ $value == "$cur"* ]]; then
            COMPREPLY+=("${value#"$prefix"}")
        elif [[ $prefix == -*= && $value == "$tail"* ]]; then
            COMPREPLY+=("$value")
        fi
    done <<<"$(iapeer complete -- "${words[@]:1}" 2>/dev/null)"
    type compopt >/dev/null 2>&1 || return 0
    ((directive & 2)) && compopt -o nospace
    # Files are completed only for what looks like a path.
    [[ $cur == */* || $cur == [.~]* ]] || { ((directive & 4)) && compopt +o default; }
    return 0
}
complete -o default -F __iapeer_complete iapeer
