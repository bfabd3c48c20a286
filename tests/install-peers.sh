#!/bin/sh
# Installs the real peers that the tests talk to (Debian packages), where they are missing.
set -eu

packages="chromium espeak-ng ffmpeg fonts-noto-cjk libnss3-tools openssl poppler-utils postgresql prometheus prometheus-alertmanager
 redis-server systemd zbar-tools
 python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-tools gstreamer1.0-rtsp gstreamer1.0-libav
 gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly"

missing=""
for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "the tests need these Debian packages, and only root may install them: apt-get install$missing" >&2
        exit 1
    fi
    apt-get update -q
    # shellcheck disable=SC2086  # a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
fi

# Debian's kubectl (1.20) is too old for k8s/: it needs 1.21, or kustomize, which comes as a Go module.
if ! kubectl version --client -o yaml 2>/dev/null | grep -Eq 'minor: "?(2[1-9]|[3-9][0-9])' &&
    ! [ -x "$HOME/go/bin/kustomize" ] && ! command -v kustomize >/dev/null; then
    if ! command -v go >/dev/null; then
        echo "the tests need kubectl 1.21 or newer, kustomize 5, or Go 1.22 to build kustomize with" >&2
        exit 1
    fi
    GOBIN="$HOME/go/bin" go install sigs.k8s.io/kustomize/kustomize/v5@v5.5.0
fi
