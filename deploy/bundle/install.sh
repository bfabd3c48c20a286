#!/bin/sh
# Installs the recorder hub from this folder. No network is used.
#   ./install.sh [--prefix DIR] [--python PYTHON] [--no-systemd]
set -eu

version=@VERSION@
pythons="@PYTHONS@"
arch=@ARCH@
prefix=/opt/recorder-hub
python=
units=auto

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 2; }

while [ $# -gt 0 ]; do
    case $1 in
        --prefix) [ $# -gt 1 ] || fail "--prefix needs a folder"; prefix=$2; units=no; shift 2 ;;
        --python) [ $# -gt 1 ] || fail "--python needs a program"; python=$2; shift 2 ;;
        --no-systemd) units=no; shift ;;
        -h|--help) sed -n '2,3s/^# *//p' "$0"; exit 0 ;;
        *) fail "unknown option $1" ;;
    esac
done
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
cd "$here"

[ "$(uname -m)" = "$arch" ] || fail "this bundle is for $arch, this machine is $(uname -m)"
sha256sum --check --quiet --strict SHA256SUMS >&2 || fail "a file is damaged or missing: copy the bundle again"

is_known() {  # whether the bundle has wheels for this Python
    told=$("$1" -c 'import sys, venv; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || return 1
    case " $pythons " in *" $told "*) return 0 ;; *) return 1 ;; esac
}
if [ -n "$python" ]; then
    is_known "$python" || fail "$python is none of Python $pythons with its venv module"
else
    for one in python3 $(for v in $pythons; do printf 'python%s ' "$v"; done); do
        if is_known "$one"; then python=$one; break; fi
    done
    [ -n "$python" ] || fail "found none of Python $pythons: install one (Debian: python3), or name it with --python"
fi
[ "$units" != auto ] || [ "$(id -u)" = 0 ] || fail "only root installs to $prefix with systemd units; or use --prefix DIR"

# A folder of its own for each bundle: what runs is not touched, and the one before stays to go back to.
release="$version-$(sha256sum SHA256SUMS | cut -c1-8)"
target="$prefix/releases/$release"
if [ ! -e "$target/complete" ]; then
    rm -rf "$target"
    mkdir -p "$prefix/releases"
    "$python" -m venv --without-pip "$target"
    # only what lies here: no registry, no settings of the machine's pip, nothing of the caller's
    env -i PATH="$PATH" HOME=/nonexistent PIP_CONFIG_FILE=/dev/null PYTHONPATH="$(echo "$here"/wheels/pip-*.whl)" \
        "$target/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-index \
        --find-links "$here/wheels" --constraint "$here/constraints.txt" "recorder-hub==$version" \
        || fail "pip could not install it; nothing was changed in $prefix/current"
    "$target/bin/hub" --version >/dev/null
    cp LICENCES.tsv constraints.txt "$target/"
    : > "$target/complete"
fi
ln -sfn "releases/$release" "$prefix/.current.new"
mv -T "$prefix/.current.new" "$prefix/current"
say "installed $("$prefix/current/bin/hub" --version) in $target; $prefix/current leads there"

if [ "$units" = no ]; then
    say "start it: $prefix/current/bin/hub serve --data DIR"
    exit 0
fi

# ------------------------------------------------------------------- users, settings, systemd
install -D -m 644 systemd/recorder-hub.sysusers /usr/lib/sysusers.d/recorder-hub.conf
if command -v systemd-sysusers >/dev/null; then
    systemd-sysusers recorder-hub.conf
else
    for user in recorder-hub recorder-hub-signer; do
        id "$user" >/dev/null 2>&1 || useradd --system --home-dir / --shell /usr/sbin/nologin --user-group "$user"
    done
fi
install -d -m 750 -o root -g recorder-hub /etc/recorder-hub
if [ ! -e /etc/recorder-hub/hub.toml ]; then
    install -m 640 -o root -g recorder-hub systemd/hub.toml /etc/recorder-hub/hub.toml
fi
for unit in systemd/*.service; do install -m 644 "$unit" /etc/systemd/system/; done
ln -sfn "$prefix/current/bin/hub" /usr/local/bin/hub
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
say "settings: /etc/recorder-hub/hub.toml (it listens on 127.0.0.1:8080 until you change that)"
say "start:    systemctl enable --now recorder-hub-signer recorder-hub"
say "password: journalctl -u recorder-hub | grep password    (shown once, at the first start)"
say "upgraded? systemctl restart recorder-hub-signer recorder-hub"
