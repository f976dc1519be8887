/**
 * What a shell is told once; at each TAB it asks `tuneplane complete-words -- <words>`, the last of which is the one to complete, and gets a line for each
 * candidate: the word, a tab, what it is. `:files` means: names of files, too. Nothing that was typed is evaluated.
 */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** Bash takes words apart at ':' and '='; they are put together for us, and what stands before the last of them is taken off the candidates. */
const BASH = `# tuneplane completion for bash. In ~/.bashrc: eval "$(tuneplane completion bash)"
_tuneplane_complete() {
  local words=() word glue='' line about whole='' before files=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD}"; do
    if [[ \${#words[@]} -gt 0 && ( -n $glue || $word == [:=]* ) ]]; then words[\${#words[@]}-1]+=$word; else words+=("$word"); fi
    if [[ $word == *[:=] ]]; then glue=1; else glue=''; fi
  done
  [[ \${#words[@]} -gt 0 ]] && whole=\${words[\${#words[@]}-1]}
  before=\${whole%"\${whole##*[:=]}"}
  COMPREPLY=()
  while IFS=$'\\t' read -r line about; do
    if [[ $line == :files ]]; then files=1; else COMPREPLY+=("\${line#"$before"}"); fi
  done < <(tuneplane complete-words -- "\${words[@]}" 2>/dev/null)
  if [[ -z $files ]]; then compopt +o default 2>/dev/null; else COMPREPLY+=($(compgen -f -- "\${whole##*[:=]}")); compopt -o filenames 2>/dev/null; fi
}
complete -o default -F _tuneplane_complete tuneplane`;

const ZSH = `#compdef tuneplane
# tuneplane completion for zsh. In ~/.zshrc, after compinit: eval "$(tuneplane completion zsh)"
_tuneplane() {
  local -a candidates
  local value about files=''
  while IFS=$'\\t' read -r value about; do
    if [[ $value == :files ]]; then files=1; else candidates+=("\${value//:/\\\\:}\${about:+:$about}"); fi
  done < <(tuneplane complete-words -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)
  (( $#candidates )) && _describe -t values tuneplane candidates
  [[ -n $files ]] && _files
}
if [[ \${funcstack[1]} == _tuneplane ]]; then _tuneplane "$@"; else compdef _tuneplane tuneplane; fi`;

const FISH = `# tuneplane completion for fish. tuneplane completion fish > ~/.config/fish/completions/tuneplane.fish
function __tuneplane_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer (tuneplane complete-words -- $words[2..-1] "$current" 2>/dev/null)
    string match --invert -- ':files' $answer
    contains -- ':files' $answer; and __fish_complete_path "$current"
end
complete -c tuneplane -f -a '(__tuneplane_complete)'`;

export const COMPLETION_SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
