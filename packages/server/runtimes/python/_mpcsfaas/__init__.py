"""The Python child: a template that forks runners, and the runner that calls users' functions.

template   forks runners on request, kills and reaps them; never touches users' bytes
runner     the loop of one runner: a call in, one answer out
frames     the bytes between a runner and the pool that owns it
functions  users' code: loaded once, kept by number
arguments  decoding of what a function is called with
classes    classes of callers' scripts: one each in a call
results    values as pickle and JSON bytes
json_value Python values as JSON, by the table of docs/json.md
failures   exceptions as data and as pickles
output     sys.stdout and sys.stderr of a call
tidy       putting a process back in order after a call
process_state  what the kernel keeps of a process: limits, priority, umask and the like
changed    have files changed that were imported from the users' path?
system     the few Linux calls that Python has no name for
"""
import builtins

# A module that takes these as its __builtins__ finds them as they were, whatever users' code did to the real ones.
BUILTINS = dict(vars(builtins))
