"""A copy of what a hub cannot make again, and the way back from it (docs/design/operations.md).

A backup is one tar: ``data/…`` as it lay in the data folder, ``settings/…``, ``SHA256SUMS`` as `sha256sum --check`
reads it, and ``manifest.json`` at its end, without which it is not whole. Signing keys go into a tar of their own.
"""
