# awk -f settings.awk <(carpool --help) docs/carpool.conf carpool.conf.5.in: the page, with every setting where
# the template says @SETTINGS@. What a setting is for comes from the sample, what it may be and when it takes
# effect from the program; nothing about a setting is written in docs/man.

function fail(text) {
    print "settings.awk: " text | "cat >&2"
    failed = 1
    exit 1
}
function put(line) { page[++lines] = line }
function escaped(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text) # a sign of values, at which no line may end
    return text
}
function put_words(line) { put(line ~ /^[.']/ ? "\\&" line : line) }

# A sentence begins a line, as mdoc wants it, and no line is longer than it likes. Names stay whole.
function put_text(text,    words, count, i, word, line) {
    count = split(text, words, " ")
    for (i = 1; i <= count; i++) {
        word = escaped(words[i])
        if (word ~ /[a-z0-9][._\/=][a-z0-9]/) word = "\\%" word
        if (line != "" && length(line) + length(word) > 76) {
            put_words(line)
            line = ""
        }
        line = line (line == "" ? "" : " ") word
        if (words[i] ~ /[.?!]$/ && words[i + 1] ~ /^[A-Z0-9]/) {
            put_words(line)
            line = ""
        }
    }
    if (line != "") put_words(line)
}

# What was gathered of a comment: paragraphs and examples.
function put_comment(    i) {
    for (i = 1; i <= parts; i++) {
        if (kind[i] == "text") put_text(part[i])
        else if (kind[i] == "break" && kind[i + 1] == "text") put(".Pp")
        else if (kind[i] == "example") {
            if (kind[i - 1] != "example") put(".Bd -literal -offset indent")
            put_words(escaped(part[i]))
            if (kind[i + 1] != "example") put(".Ed")
        }
    }
    forget_comment()
}
function forget_comment() { split("", kind); parts = 0 }
function gather(what, text) {
    if (what == "text" && kind[parts] == "text") {
        part[parts] = part[parts] " " text
        return
    }
    kind[++parts] = what
    part[parts] = text
}

function open_list() { if (!in_list) put(".Bl -tag -width Ds"); in_list = 1 }
function close_list() { if (in_list) put(".El"); in_list = 0 }
function put_facts(name) {
    put(".Pp")
    put_text("Default: " facts[name])
}

# A comment is for the settings right below it: of one it says all, of several what they have in common.
function put_group(    i) {
    if (keys > 1) {
        close_list()
        if (page[lines] !~ /^\.Ss/) put(".Pp")
        put_comment()
    }
    for (i = 1; i <= keys; i++) {
        open_list()
        put(".It Cm " key[i])
        if (keys > 1) put_text(toupper(substr(help[key[i]], 1, 1)) substr(help[key[i]], 2) ".")
        else put_comment()
        put_facts(key[i])
    }
    if (keys == 0 && parts > 0) fail("no setting below \"" part[1] "\"")
    keys = 0
}

FNR == 1 { file++ }

# --- carpool --help: name and purpose, then "default …; what is expected[; only at start]"

file == 1 && /^settings:/ { in_settings = 1 }
file == 1 && in_settings && /^  [a-z]+\.[a-z0-9_]+ / {
    name = $1
    help[name] = substr($0, 1 + index($0, " " name " ") + length(name))
    sub(/^ +/, "", help[name])
    next
}
file == 1 && in_settings && /^ +default / { facts[name] = substr($0, index($0, "default ") + 8); next }
file == 1 && in_settings && /^   / {
    sub(/^ +/, "")
    if (name in facts) facts[name] = facts[name] " " $0
    else help[name] = help[name] " " $0
    next
}
file == 1 { next }

# --- the sample

file == 2 && !in_facts {
    in_facts = 1
    for (name in facts) {
        # The page says once how times and sizes are written.
        sub(/, such as [^;]*/, "", facts[name])
        if (!sub(/; only at start$/, "; at start only.", facts[name]))
            facts[name] = facts[name] "; a reload takes it."
    }
}
file == 2 && /^#/ { gather("text", substr($0, 3)); next }
file == 2 && /^$/ && section == "" { forget_comment(); next }
file == 2 && /^[a-z]+ \{$/ {
    section = $1
    put(".Ss " section)
    put_comment()
    next
}
file == 2 && /^    # [a-z0-9_]+ = / {
    key[++keys] = section "." $2
    if (!(key[keys] in facts)) fail("carpool --help does not know " key[keys])
    shown[key[keys]]
    next
}
file == 2 && /^    #$/ { gather("break"); next }
file == 2 && /^    #   / { gather("example", substr($0, 9)); next }
file == 2 && /^    # / {
    text = substr($0, 7)
    sub(/ *\(start\)$/, "", text)
    gather("text", text)
    next
}
file == 2 && (/^$/ || /^}$/) {
    put_group()
    if (/^}$/) {
        close_list()
        section = ""
    }
    next
}
file == 2 { fail("docs/carpool.conf:" FNR ": neither comment nor setting: " $0) }

# --- the template

file == 3 && /^@SETTINGS@$/ {
    for (name in facts)
        if (!(name in shown)) fail("docs/carpool.conf does not show " name)
    for (i = 1; i <= lines; i++) print page[i]
    is_put = 1
    next
}
{ print }

END { if (!failed && !is_put) fail("the template has no @SETTINGS@") }
