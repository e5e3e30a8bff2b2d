# Finds what an inspection account of Assay did in pods and no audit log of
# Assay has recorded. Input: the API server's audit log (JSON lines). $trail:
# the lines of Assay's own audit logs (--audit-log).
#
#   jq -cn --slurpfile trail calls.jsonl -f unrecorded-execs.jq audit.log
#
# A command counts as recorded if Assay has written down the same command line,
# for the same pod, at about the same time. Calls without a command line count
# by their kind alone, and so do commands that the API server refused.

# How far the clocks of Assay's machine and of the API server may differ, and
# how long a call may be on its way, in seconds.
def leeway: 30;

def seconds: sub("\\.[0-9]+"; "") | fromdateiso8601;

# A command line as it stands in the address of a call.
def replace($from; $to): split($from) | join($to);
def encoded:
  map("command=" + (@uri | replace("%20"; "+")
    | replace("!"; "%21") | replace("'"; "%27") | replace("("; "%28") | replace(")"; "%29") | replace("*"; "%2A")));
def command_line: .requestURI | split("?")[1] // "" | split("&") | map(select(startswith("command=")));

# Whoever acts as an account, by impersonation too.
def account: .impersonatedUser.username // .user.username // "";
def inspects: account | test("^system:serviceaccount:[^:]+:assay-inspect(-[^:]+)?$");
def reaches_in:
  .objectRef.resource == "pods"
  and (.objectRef.subresource | IN("exec", "attach", "portforward", "proxy", "ephemeralcontainers"));
def call: .objectRef.resource + "/" + .objectRef.subresource;

def recorded($trail):
  (.requestReceivedTimestamp | seconds) as $at
  | command_line as $argv
  | (.responseStatus.code // 0) as $status
  | $trail[[call, .objectRef.namespace, .objectRef.name] | join(" ")] // []
  | any(
      (.at - $at | fabs <= leeway)
      and (if $argv == [] then true elif .argv == null then $status >= 400 else .argv == $argv end));

($trail
  | map(select(.resource | . and startswith("pods/")))
  | group_by([.resource, .namespace, .name])
  | map({
      key: ([.[0].resource, .[0].namespace, .[0].name] | join(" ")),
      value: map({at: (.time | seconds), argv: (.argv | if . then encoded else . end)})})
  | from_entries) as $known

# A call may have a line for its beginning and one for its end: one is enough.
| foreach (inputs | select(reaches_in and inspects) | select(recorded($known) | not)) as $event (
    {told: {}};
    .alarm = (if .told[$event.auditID] then null else $event end) | .told[$event.auditID] = true;
    .alarm
    | select(.)
    | {time: .requestReceivedTimestamp, user: account, by: .user.username, sourceIPs, call: call,
       namespace: .objectRef.namespace, pod: .objectRef.name, status: .responseStatus.code, uri: .requestURI})
