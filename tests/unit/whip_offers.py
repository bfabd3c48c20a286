"""Offers as real publishers wrote them (addresses changed), for the tests of WHIP."""

from __future__ import annotations

CHROMIUM = """\
v=0
o=- 169767122854637156 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS b1575b9f-f871-4db5-8575-9dbcd91c7654
m=audio 56313 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 127.0.0.1
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:2136683298 1 udp 2122194687 127.0.0.1 56313 typ host generation 0 network-id 1
a=candidate:26530234 1 tcp 1518214911 127.0.0.1 9 typ host tcptype active generation 0 network-id 1
a=ice-ufrag:jAeE
a=ice-pwd:M3CNTNRgaXexVyjSEx3b4dnN
a=ice-options:trickle
a=fingerprint:sha-256 A0:87:44:9B:4A:4F:79:57:2C:D2:DA:02:F2:1A:56:5A:56:74:FC:18:D3:5E:9B:B2:4D:8D:38:1E:EF:9B:B5:15
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendonly
a=msid:b1575b9f-f871-4db5-8575-9dbcd91c7654 c54dba57-040e-48b4-b769-5497903e4909
a=rtcp-mux
a=rtcp-rsize
a=rtcp-xr:rcvr-rtt=all
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:3992698986 cname:TqDEp7qD8fpc5k0+
a=ssrc:3992698986 msid:b1575b9f-f871-4db5-8575-9dbcd91c7654 c54dba57-040e-48b4-b769-5497903e4909
m=video 50048 UDP/TLS/RTP/SAVPF 96 97 102 103 104 107 108 109 114 115 116 117 39 40 45 46 98 99 100 101 118 119 120
c=IN IP4 127.0.0.1
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:2136683298 1 udp 2122194687 127.0.0.1 50048 typ host generation 0 network-id 1
a=candidate:26530234 1 tcp 1518214911 127.0.0.1 9 typ host tcptype active generation 0 network-id 1
a=ice-ufrag:jAeE
a=ice-pwd:M3CNTNRgaXexVyjSEx3b4dnN
a=ice-options:trickle
a=fingerprint:sha-256 A0:87:44:9B:4A:4F:79:57:2C:D2:DA:02:F2:1A:56:5A:56:74:FC:18:D3:5E:9B:B2:4D:8D:38:1E:EF:9B:B5:15
a=setup:actpass
a=mid:1
a=extmap:14 urn:ietf:params:rtp-hdrext:toffset
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:13 urn:3gpp:video-orientation
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay
a=extmap:6 http://www.webrtc.org/experiments/rtp-hdrext/video-content-type
a=extmap:7 http://www.webrtc.org/experiments/rtp-hdrext/video-timing
a=extmap:8 http://www.webrtc.org/experiments/rtp-hdrext/color-space
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id
a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id
a=sendonly
a=msid:b1575b9f-f871-4db5-8575-9dbcd91c7654 7d5e4901-91f1-45b1-b117-7a7cd8bf6f22
a=rtcp-mux
a=rtcp-rsize
a=rtcp-xr:rcvr-rtt=all
a=rtpmap:96 VP8/90000
a=rtcp-fb:96 goog-remb
a=rtcp-fb:96 transport-cc
a=rtcp-fb:96 ccm fir
a=rtcp-fb:96 nack
a=rtcp-fb:96 nack pli
a=rtpmap:97 rtx/90000
a=fmtp:97 apt=96
a=rtpmap:102 H264/90000
a=rtcp-fb:102 goog-remb
a=rtcp-fb:102 transport-cc
a=rtcp-fb:102 ccm fir
a=rtcp-fb:102 nack
a=rtcp-fb:102 nack pli
a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f
a=rtpmap:103 rtx/90000
a=fmtp:103 apt=102
a=rtpmap:104 H264/90000
a=rtcp-fb:104 goog-remb
a=rtcp-fb:104 transport-cc
a=rtcp-fb:104 ccm fir
a=rtcp-fb:104 nack
a=rtcp-fb:104 nack pli
a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f
a=rtpmap:107 rtx/90000
a=fmtp:107 apt=104
a=rtpmap:108 H264/90000
a=rtcp-fb:108 goog-remb
a=rtcp-fb:108 transport-cc
a=rtcp-fb:108 ccm fir
a=rtcp-fb:108 nack
a=rtcp-fb:108 nack pli
a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:109 rtx/90000
a=fmtp:109 apt=108
a=rtpmap:114 H264/90000
a=rtcp-fb:114 goog-remb
a=rtcp-fb:114 transport-cc
a=rtcp-fb:114 ccm fir
a=rtcp-fb:114 nack
a=rtcp-fb:114 nack pli
a=fmtp:114 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f
a=rtpmap:115 rtx/90000
a=fmtp:115 apt=114
a=rtpmap:116 H264/90000
a=rtcp-fb:116 goog-remb
a=rtcp-fb:116 transport-cc
a=rtcp-fb:116 ccm fir
a=rtcp-fb:116 nack
a=rtcp-fb:116 nack pli
a=fmtp:116 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f
a=rtpmap:117 rtx/90000
a=fmtp:117 apt=116
a=rtpmap:39 H264/90000
a=rtcp-fb:39 goog-remb
a=rtcp-fb:39 transport-cc
a=rtcp-fb:39 ccm fir
a=rtcp-fb:39 nack
a=rtcp-fb:39 nack pli
a=fmtp:39 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=4d001f
a=rtpmap:40 rtx/90000
a=fmtp:40 apt=39
a=rtpmap:45 AV1/90000
a=rtcp-fb:45 goog-remb
a=rtcp-fb:45 transport-cc
a=rtcp-fb:45 ccm fir
a=rtcp-fb:45 nack
a=rtcp-fb:45 nack pli
a=fmtp:45 level-idx=5;profile=0;tier=0
a=rtpmap:46 rtx/90000
a=fmtp:46 apt=45
a=rtpmap:98 VP9/90000
a=rtcp-fb:98 goog-remb
a=rtcp-fb:98 transport-cc
a=rtcp-fb:98 ccm fir
a=rtcp-fb:98 nack
a=rtcp-fb:98 nack pli
a=fmtp:98 profile-id=0
a=rtpmap:99 rtx/90000
a=fmtp:99 apt=98
a=rtpmap:100 VP9/90000
a=rtcp-fb:100 goog-remb
a=rtcp-fb:100 transport-cc
a=rtcp-fb:100 ccm fir
a=rtcp-fb:100 nack
a=rtcp-fb:100 nack pli
a=fmtp:100 profile-id=2
a=rtpmap:101 rtx/90000
a=fmtp:101 apt=100
a=rtpmap:118 red/90000
a=rtpmap:119 rtx/90000
a=fmtp:119 apt=118
a=rtpmap:120 ulpfec/90000
a=ssrc-group:FID 3660255965 3646077315
a=ssrc:3660255965 cname:TqDEp7qD8fpc5k0+
a=ssrc:3660255965 msid:b1575b9f-f871-4db5-8575-9dbcd91c7654 7d5e4901-91f1-45b1-b117-7a7cd8bf6f22
a=ssrc:3646077315 cname:TqDEp7qD8fpc5k0+
a=ssrc:3646077315 msid:b1575b9f-f871-4db5-8575-9dbcd91c7654 7d5e4901-91f1-45b1-b117-7a7cd8bf6f22
"""
"""Debian's Chromium, camera and microphone, sendonly: VP8 first."""

_HEAD = """\
v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE {mids}
a=ice-ufrag:Bm6l
a=ice-pwd:jXFFgYGIE6iyIHJXFhZ0zSQy
a=fingerprint:sha-256 D2:FA:0E:C3:22:59:5E:14:95:69:92:3D:13:B4:84:24:2C:C2:A2:C0:3E:FD:34:8E:5E:EA:6F:AF:52:CE:E6:0F
a=setup:actpass
"""
_VIDEO = """\
m=video 9 UDP/TLS/RTP/SAVPF {number}
c=IN IP4 0.0.0.0
a=mid:{mid}
a=sendonly
a=rtcp-mux
a=rtpmap:{number} {codec}/90000
a=rtcp-fb:{number} nack
a=rtcp-fb:{number} nack pli
a=fmtp:{number} {parameters}
"""
_AUDIO = """\
m=audio 9 UDP/TLS/RTP/SAVPF {number}
c=IN IP4 0.0.0.0
a=mid:{mid}
a=sendonly
a=rtcp-mux
a=rtpmap:{number} {codec}
"""

MAIN = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d0028"
HIGH = "packetization-mode=1;profile-level-id=640028;sprop-parameter-sets=Z2QAKKwsaoHgCJ+WbgICAgQ=,aO48sA=="
SINGLE_NAL = "profile-level-id=42c01f"
"""RFC 6184 §8.1: packetization-mode left out is mode 0."""


def video(parameters: str, *, codec: str = "H264", number: int = 96, mid: str = "0") -> str:
    """One video section."""
    return _VIDEO.format(number=number, codec=codec, parameters=parameters, mid=mid)


def audio(codec: str = "opus/48000/2", *, number: int = 111, mid: str = "1") -> str:
    """One audio section."""
    return _AUDIO.format(number=number, codec=codec, mid=mid)


def offer(*sections: str) -> str:
    """A whole offer of a simple hardware encoder, bundled, ICE and DTLS at session level."""
    mids = [line[6:] for section in sections for line in section.splitlines() if line.startswith("a=mid:")]
    return (_HEAD.format(mids=" ".join(mids)) + "".join(sections)).replace("\n", "\r\n")
