#!/bin/sh
# Prints the path of a Python 3.11, 3.12 or 3.13 that runs and can make a virtual environment; else says in one line what is
# missing. Each candidate is run, because a version manager's shim may stand on the PATH and point at nothing.
probe='import sys
if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(3)
try:
    import ensurepip, venv
except ImportError:
    sys.exit(4)
print(sys.executable)'
no_venv=""
for candidate in ${PYTHON:+"$PYTHON"} python3 python3.13 python3.12 python3.11 "${SYSTEM_PYTHON-/usr/bin/python3}"; do
    found=$("$candidate" -I -c "$probe" 2>/dev/null)
    case $? in
        0) echo "$found"; exit 0 ;;
        4) no_venv="$candidate" ;;
    esac
done
if [ -n "$no_venv" ]; then
    echo "python3-venv is missing: apt install python3-venv" >&2
else
    echo "Python 3.11, 3.12 or 3.13 is missing: apt install python3 python3-venv, or name one: make setup PYTHON=/path/to/python3.12" >&2
fi
exit 1
