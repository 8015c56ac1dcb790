"""Runs a command and writes what the kernel counted for it and for what it waited for.

usage: measure.py FILE COMMAND [ARG ...]   FILE gets {"seconds", "cpuSeconds", "peakBytes", "exitCode"} as JSON,
FILE.pid at once the number of the process
"""
import json, os, sys, time

begun = time.monotonic()
child = os.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
with open(sys.argv[1] + ".pid", "w") as out:
    out.write(str(child))
_, status, used = os.wait4(child, 0)
code = os.waitstatus_to_exitcode(status)
with open(sys.argv[1], "w") as out:
    json.dump({
        "seconds": time.monotonic() - begun,
        "cpuSeconds": used.ru_utime + used.ru_stime,
        "peakBytes": used.ru_maxrss * 1024,
        "exitCode": code,
    }, out)
sys.exit(code if code >= 0 else 128 - code)
