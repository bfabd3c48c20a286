"""The RTSP client (RFC 2326): pulls the media of one camera, over TCP or UDP, in the clear or over TLS."""
