#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The completion scripts as the shells run them, with a nova-lite that knows its commands and servers of our choice.
set -u
src=${srcdir:-.}
program=$PWD/nova-lite
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

mkdir "$work/bin"
cat > "$work/bin/nova-lite" <<TEXT
#!/bin/sh
echo "\$*" >> "$work/asked"
case " \$* " in
*' __complete SERVER '*) printf 'vm1\nvm 2\n\$(touch $work/run)\n' ;;
*' __complete '*) eval "echo \\\${\$#}-name" ;;
*) exec "$program" "\$@" ;;
esac
TEXT
chmod 755 "$work/bin/nova-lite"
export PATH=$work/bin:$PATH

in_bash() {
	bash -c '. "$0/completion/bash/nova-lite"
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
		_nova_lite
		printf "%s\n" "${COMPREPLY[@]}"' "$src" "$@" 2>&1 | sort | xargs -d '\n'
}
# Outside of a completion compadd and _describe are ours; what begins with the word is what zsh would offer.
in_zsh() {
	zsh -fc 'script=$0/completion/zsh/_nova-lite words=("$@") CURRENT=$#
		compadd() { local -a all; [[ $1 == -a ]] && all=(${(P)2}) || { [[ $1 == -- ]] && shift; all=("$@"); }; offer $all; }
		_describe() { offer ${${(P)2}%%:*}; }
		offer() { local i; for i; do [[ $i != ${words[CURRENT]}* ]] || print -r -- ${(q)i}; done; }
		. $script' "$src" "$@" 2>&1 | sort | xargs -d '\n'
}

check() { # SHELL WANTED WORD...
	local shell=$1 wanted=$2 have
	shift 2
	have=$("in_$shell" "$@")
	if [ "$have" = "$wanted" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "not ok  $shell: '$*' offers '$have', not '$wanted'"
	fi
}

shells=bash
if command -v zsh > /dev/null; then shells+=' zsh'; else echo "zsh is not installed: its script is not tried"; fi
for shell in $shells; do
	check $shell 'service service-delete service-disable service-enable service-force-down service-list' nova-lite servi
	check $shell 'abort explain force-complete list show watch' nova-lite migration ''
	check $shell 'vm1 vm\ 2' nova-lite show v
	check $shell 'HOST-name' nova-lite live-migration vm1 ''
	check $shell 'KEYPAIR-name' nova-lite keypair delete a ''
	check $shell 'HOST-name' nova-lite aggregate add-host rack ''
	check $shell '--wait --watch' nova-lite live-migration --w
	check $shell 'vm1 vm\ 2' nova-lite vm delete a --wait b v
	check $shell '' nova-lite show vm1 ''
	check $shell 'FLAVOR-name' nova-lite boot --flavor ''
	check $shell 'HOST-name' nova-lite boot --flavor vm1 --host ''
	check $shell '' nova-lite boot --nic ''
	check $shell 'json table value' nova-lite -o ''
	check $shell 'json table value' nova-lite list -o ''
	check $shell 'bash zsh' nova-lite completion ''
	: > "$work/asked"
	check $shell 'MIGRATION-name' nova-lite --os-cloud lab migration watch ''
	if ! grep -qx -- '--os-cloud lab __complete MIGRATION' "$work/asked"; then
		failed=$((failed + 1))
		echo "not ok  $shell: the names are not those of the cloud: $(cat "$work/asked")"
	fi
	check $shell "\\\$\\(touch\\ $work/run\\) vm1 vm\\ 2" nova-lite stop ''
done
# bash tries one candidate after the other
if [ -e "$work/run" ]; then
	failed=$((failed + 1))
	echo "not ok  the name of a server was run"
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
