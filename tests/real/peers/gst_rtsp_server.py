#!/usr/bin/python3
"""GStreamer's RTSP server as a peer of the tests. Run by the system's Python, which has gi.

One argument, a JSON object: ``launch`` (the media: ``( filesrc … ! rtph264pay name=pay0 )``), and
optionally ``auth`` (basic or digest) with ``user`` and ``password``, and ``tls_pem`` (certificate and
key). Serves ``rtsp://127.0.0.1:PORT/live``, prints ``PORT n`` once it listens, and ends with its stdin.
"""

import json
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402


def main() -> None:
    wanted = json.loads(sys.argv[1])
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(wanted["launch"])
    factory.set_eos_shutdown(True)
    if wanted.get("auth") or wanted.get("tls_pem"):
        server.set_auth(authentication(wanted, factory))
    server.get_mount_points().add_factory("/live", factory)
    if not server.attach(None):
        sys.exit("the RTSP server could not listen")
    loop = GLib.MainLoop()
    threading.Thread(target=lambda: (sys.stdin.read(), loop.quit()), daemon=True).start()
    print("PORT", server.get_bound_port(), flush=True)
    loop.run()


def authentication(wanted: dict, factory: GstRtspServer.RTSPMediaFactory) -> GstRtspServer.RTSPAuth:
    auth = GstRtspServer.RTSPAuth()
    if wanted.get("tls_pem"):
        pem = wanted["tls_pem"]
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_pem(pem, len(pem)))
    if wanted.get("auth"):
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "user")
        role = Gst.Structure.new_from_string("user,media.factory.access=true,media.factory.construct=true")
        factory.add_role_from_structure(role)
        if wanted["auth"] == "digest":
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(wanted["user"], wanted["password"], token)
        else:
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(wanted["user"], wanted["password"]), token)
    else:
        anonymous = GstRtspServer.RTSPToken()
        anonymous.set_string("media.factory.role", "anonymous")
        auth.set_default_token(anonymous)
        role = Gst.Structure.new_from_string("anonymous,media.factory.access=true,media.factory.construct=true")
        factory.add_role_from_structure(role)
    return auth


main()
