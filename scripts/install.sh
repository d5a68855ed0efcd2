#!/bin/sh
# install.sh REQUIREMENTS: brings .venv to what that file pins. Does nothing when it is there already.
set -eu
cd "$(dirname "$0")/.."
requirements=$1
venv=.venv

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

# Two starts from one checkout wait for each other.
if [ -z "${SWARM_INSTALL_LOCKED:-}" ] && command -v flock >/dev/null; then
    SWARM_INSTALL_LOCKED=1 exec flock scripts scripts/install.sh "$@"
fi

if [ -x "$venv/bin/python" ]; then
    python=$venv/bin/python
else
    python=${PYTHON:-python3}
    command -v "$python" >/dev/null || fail "Python 3.11 or newer is needed. Install it with:" \
        "  sudo apt-get install python3 python3-venv"
fi
found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') ||
    fail "$python does not run. Remove it with: make clean"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "Python 3.11 or newer is needed; $python is $found. Install a newer one and name it:" \
        "  sudo apt-get install python3.11 python3.11-venv && make clean && make run PYTHON=python3.11"

# What the environment was made from; another place, Python or set of pins means to install again.
case $requirements in
    *-dev.txt) stamp=$venv/.installed-dev wanted=$(cat requirements.txt requirements-dev.txt; pwd; echo "$found") ;;
    *) stamp=$venv/.installed wanted=$(cat requirements.txt; pwd; echo "$found") ;;
esac
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    exit 0
fi

if [ ! -x $venv/bin/python ] || ! $venv/bin/python -m pip --version >/dev/null 2>&1 ||
    ! head -n 3 $venv/bin/pip | grep -qF "$(pwd)/$venv/bin/"; then # the latter when the checkout has moved
    [ "$python" != $venv/bin/python ] || python=$($python -c 'import sys; print(sys._base_executable)')
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        fail "Python's venv module is missing. Install it with:" "  sudo apt-get install python3-venv" \
            "or, for a Python that is not the system's: sudo apt-get install python$found-venv"
    echo "Making $venv with Python $found …" >&2
    rm -rf $venv
    "$python" -m venv $venv
fi

echo "Installing $requirements …" >&2
rm -f "$stamp"
$venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input -r "$requirements" ||
    fail "The packages of $requirements could not be installed; the lines above say why. Once mended, run make again."
echo "Preparing assets …" >&2
$venv/bin/python -c 'from swarm_ui import assets; assets.build()'
printf '%s\n' "$wanted" >"$stamp"
