"""PyAV: one process, a thread a stream, ``av.open`` and remuxing to fragmented MP4, as a Python program would begin.

``python -m hub.bench.peers.pyav FOLDER TRANSPORT`` reads the addresses from standard input, a line each.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import av

from hub.bench.peers.peer import Peer

_PLAYABLE = ("h264", "hevc", "aac", "opus")


class Pyav(Peer):
    name = "PyAV"

    def __init__(self, folder: Path, urls: Sequence[str], transport: str) -> None:
        super().__init__(folder)
        self._urls, self._transport = urls, transport

    async def start(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", __name__, str(self.folder), self._transport, stdin=asyncio.subprocess.PIPE
        )
        self.processes.append(process)
        assert process.stdin is not None
        process.stdin.write("\n".join(self._urls).encode())
        process.stdin.close()


def _record(url: str, path: Path, transport: str) -> None:
    with av.open(url, options={"rtsp_transport": transport}) as source:
        flags = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
        with av.open(str(path), "w", format="mp4", options=flags) as out:
            wanted = [one for one in source.streams if one.codec_context and one.codec_context.name in _PLAYABLE]
            tracks = {one.index: out.add_stream_from_template(one) for one in wanted}
            for packet in source.demux(wanted):
                if packet.dts is not None:
                    packet.stream = tracks[packet.stream.index]
                    out.mux(packet)


def main() -> None:
    folder, transport = Path(sys.argv[1]), sys.argv[2]
    for number, url in enumerate(sys.stdin.read().split(), 1):
        arguments = (url, folder / f"{number}.mp4", transport)
        threading.Thread(target=_record, args=arguments, daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
