# For tests of runs that fail: one clear line, the right exit code, all as it was.
# shellcheck shell=sh disable=SC2034,SC2154
# Source it, then:
#   new_lab ...; again                     forgets faults and edits of the files before each case
#   fails CODE OUTCOME NAME WORDS...       a run that fails like that, and leaves the lab as it was
#   refuses NAME WORDS...                  exit 2, before there is a run
#   ends CODE OUTCOME NAME                 the same as `fails` without an error's line
#   evidence KIND, kept KIND               what the report says of it; is the file there?

. tests/e2e/lib.sh

# Short limits: nothing here needs long.
again() {
	fault clear
	write_config
	lab_set "s|boot_timeout: .*|boot_timeout: 10s|"
	scenario_set "s|timeout: 20s|timeout: 3s|"
}

# command_is COMMAND: for the trigger; any panic will do.
command_is() {
	escaped=$(printf %s "$1" | sed 's/[&\\|]/\\&/g')
	scenario_set "s|^  dtrace: .*|  command: '$escaped'|" "/^  matching:/d"
}

last_line() {
	tail -n 1 "$ERR"
}

# says NAME WORDS...: the last line of standard error is the error, and has all the words.
says() {
	name=$1
	shift
	shown_last=$(last_line)
	said=0
	case $shown_last in "paniclab: warning: "*) said=1 ;; "paniclab: "?*": "?*) ;; *) said=1 ;; esac
	for words; do
		case $shown_last in *"$words"*) ;; *) said=1 && echo "# lacks: $words" ;; esac
	done
	ok $said "$name: one line says it"
	[ $said -eq 0 ] || show "$ERR"
}

# reported CODE OUTCOME NAME: the report's three forms are there, and agree with the exit code.
reported() {
	is "$(field '"\(.exit_code) \(.outcome)"')" "$1 $2" "$3: the report has the outcome"
	said="paniclab: $(field '.error.line // empty')"
	[ -s "$(run_dir)/report.html" ] && [ -s "$(run_dir)/report.md" ] &&
		{ [ "$said" = "paniclab: " ] || [ "$said" = "$(last_line)" ]; }
	ok $? "$3: ... in three forms, with the same line"
}

ends() {
	is "$STATUS" "$1" "$3: exit $1"
	[ "$STATUS" -eq "$1" ] || show "$ERR"
	reported "$1" "$2" "$3"
}

fails() {
	code=$1
	outcome=$2
	title=$3
	shift 3
	remember
	run_lab
	says "$title" "$@"
	ends "$code" "$outcome" "$title"
	same "$title: the lab is as it was"
}

runs_so_far() {
	find "$STATE/runs" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l
}

refuses() {
	title=$1
	shift
	remember
	had=$(runs_so_far)
	run_lab
	says "$title" "$@"
	is "$STATUS" 2 "$title: exit 2"
	is "$(runs_so_far)" "$had" "$title: before there is a run"
	same "$title: the lab is as it was"
}

# evidence KIND: "STATUS DETAIL" of it
evidence() {
	field ".evidence[]? | select(.kind == \"$1\") | \"\(.status) \(.detail)\""
}

# kept KIND: its path below the run's folder, if there is such a file
kept() {
	path=$(field ".evidence[]? | select(.kind == \"$1\") | .path // empty")
	[ -n "$path" ] && [ -s "$(run_dir)/$path" ] && echo "$path"
}
