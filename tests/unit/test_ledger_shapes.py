"""Entries that are told by their shape alone are those that the close way reads too, and the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ledger.entries import BadEntry, EntryType, canonical, check_entry, leaf_hash, parse, read_entry
from hub.ledger.shapes import chunk, chunks, track_times
from tests.ledger_folder import build, lines

TRACK = {
    "damaged": 0, "end_ticks": 540000, "first_seq": 2, "first_ticks": -360000, "frames": 50, "id": 1, "keyframes": 1,
    "kind": "video", "last_seq": 2, "lost": 0, "timescale": 90000,
}  # fmt: skip
ENTRY = {
    "body": {
        "device_us": None, "end_us": 1767225606000000, "first_us": 1767225604000000, "init_sha256": "ab" * 32,
        "init_size": 800, "offset": 1000800, "reason": "keyframe", "reel": "reels/cam-a/2026-01-01/080000.mp4",
        "run": 1, "sha256": "12" * 32, "size": 500000, "tracks": [TRACK, TRACK | {"source_sha256": "34" * 32}],
    },
    "boot": "0ce0", "clock": {"error_us": 16000000, "offset_us": -1, "source": "free"}, "epoch": 0,
    "hub": "hub.example/log", "node": "vm", "prev": "56" * 32, "salt": "78", "seq": 3, "stream": "cam-a",
    "t_hub": 1767225606000000, "t_mono": 6000000, "type": "chunk", "v": 1,
}  # fmt: skip
LINE = canonical(ENTRY)  # type: ignore[arg-type]
PIECES = (
    b"0", b"1", b"9", b"-", b"-0", b"00", b"01", b"1.0", b"1e3", b"9007199254740991", b"9007199254740992",
    b"8999999999999999", b"9000000000000000", b"99999999999999999", b'"', b"\\", b"\\u0041", b"\\n", b"\n", b" ", b"\t",
    b"{", b"}", b"[", b"]", b",", b":", b"null", b"true", b"\x00", b"\x7f", b"\xc3\xa9", b"\xff", b"cam-b", b"..", b"/",
    b"AB", b'"v":1', b'"size":1,', b"-1", b"{}", b"[]", b'""', b"chunk", b"close",
)  # fmt: skip


def test_hubs_write_chunks_of_this_shape() -> None:
    assert chunk(LINE)
    same_closely(LINE)
    none = canonical(ENTRY | {"body": ENTRY["body"] | {"tracks": []}})  # type: ignore[operator,dict-item]
    assert chunk(none)


async def test_of_a_real_ledger_each_chunk_is(tmp_path: Path) -> None:
    folder = await build(tmp_path)
    found = [line for path in folder.data.glob("reels/*/*/*.entries") for line in lines(path)]
    kinds = [(json.loads(line)["type"] == "chunk", chunk(line.rstrip(b"\n")) is not None) for line in found]
    assert (True, True) in kinds
    assert (True, False) not in kinds
    assert (False, True) not in kinds


def same_closely(data: bytes) -> None:
    """What has the shape is read the long way without a word, as the same."""
    if chunk(data):
        value = parse(data)
        assert canonical(value) == data
        assert check_entry(value) is EntryType.CHUNK
        found = read_entry(data)
        assert found.body == value["body"]
        assert found.type is EntryType.CHUNK
        assert (found.stream_id, found.seq, found.epoch) == (value["stream"], value["seq"], value["epoch"])
        assert (found.prev, found.origin) == (value["prev"], value["hub"])
        assert (found.t_hub_us, found.t_mono_us) == (value["t_hub"], value["t_mono"])
        assert (found.data, found.leaf) == (data, leaf_hash(data).hex())


@given(st.data())
def test_what_has_the_shape_is_good_by_the_long_way_too(data: st.DataObject) -> None:
    """Some bytes taken out, others put in, anywhere; most of it is no entry any more."""
    line = LINE
    for _ in range(data.draw(st.integers(1, 3))):
        at, out = data.draw(st.integers(0, len(line))), data.draw(st.integers(0, 20))
        line = line[:at] + data.draw(st.sampled_from(PIECES)) + line[at + out :]
    same_closely(line)


@given(st.sampled_from([b"0", b"1000800", b"540000", b"-360000", b"1767225606000000", b"16000000"]), st.data())
def test_numbers_and_texts_that_are_exchanged(old: bytes, data: st.DataObject) -> None:
    same_closely(LINE.replace(b":" + old, b":" + data.draw(st.sampled_from(PIECES)), data.draw(st.integers(1, 4))))
    text = data.draw(st.text(max_size=8))
    same_closely(LINE.replace(b"keyframe", text.encode("utf-8", "replace")))
    same_closely(LINE.replace(b"keyframe", json.dumps(text).encode()[1:-1]))


def altered(data: st.DataObject) -> bytes:
    line = LINE.replace(b'"seq":3', b'"seq":%d' % data.draw(st.integers(0, 9)))
    if data.draw(st.integers(0, 3)) == 0:
        at, out = data.draw(st.integers(0, len(line))), data.draw(st.integers(0, 9))
        line = line[:at] + data.draw(st.sampled_from(PIECES)) + line[at + out :]
    return line


@given(st.data())
def test_many_lines_are_told_as_each_is(data: st.DataObject) -> None:
    """What each column says is what each line by itself says; and one that has not the shape spoils all."""
    text = b"".join(altered(data) + b"\n" for _ in range(data.draw(st.integers(1, 4))))
    content = text.split(b"\n")[:-1]
    found, each = chunks(text, len(content)), [chunk(line) for line in content]
    assert (found is not None) == all(each)
    if found is not None:
        rows = [*zip(*found, strict=True)]
        assert rows == [match.groups("") for match in each if match]
        assert found._fields == tuple(name for name in each[0].re.groupindex) if each[0] else ()
        entries = [read_entry(line) for line in content]
        assert [*map(int, found.seq)] == [entry.seq for entry in entries]
        assert [*found.prev] == [entry.prev for entry in entries]
        assert [*map(int, found.t_hub)] == [entry.t_hub_us for entry in entries]
        assert [*map(json.loads, found.tracks)] == [entry.body["tracks"] for entry in entries]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        LINE,
        LINE + b"\n\n",
        b"\n" + LINE + b"\n",
        LINE + b"\n" + LINE[1:] + b"\n",
        LINE + b"\n " + LINE + b"\n",
        b" " + LINE + b"\n",
    ],
)
def test_what_is_not_whole_lines_of_chunks_is_none(data: bytes) -> None:
    assert chunks(data, data.count(b"\n") or 1) is None


def test_what_is_told_of_tracks() -> None:
    """Whatever a kind is called: quotes and ends of lines alone are not in it."""
    tracks = [TRACK | {"kind": "}],[{"}, TRACK | {"source_sha256": "34" * 32, "id": 2, "timescale": 7}]
    found = track_times([canonical(tracks).decode(), "[]", canonical([TRACK]).decode()])  # type: ignore[arg-type,list-item]
    assert found == [
        ("[", ",", "["), ("540000",) * 3, ("-360000",) * 3, ("1", "2", "1"), ("90000", "7", "90000"),
    ]  # fmt: skip
    assert track_times(["[]"]) == [()] * 5


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"stream":"cam-a"', b'"stream":"cam-b"'), (b"reels/cam-a", b"reels/cam-b"),
        (b'"size":500000', b'"size":-500000'), (b'"size":500000', b'"size":9007199254740992'),
        (b'"size":500000', b'"size":0500000'), (b'"size":500000', b'"size":500000,"size":500000'),
        (b'"run":1', b'"run":-0'), (b'"epoch":0', b'"epoch":-1'), (b'"v":1', b'"v":2'), (b'"v":1', b'"v":1,"w":1'),
        (b"12" * 32, b"12" * 31), (b"ab" * 32, b"AB" * 32), (b'"reason"', b' "reason"'),
        (b'"type":"chunk"', b'"type":"close"'), (b"2026-01-01/080000", b"../080000"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_not_the_shape(old: bytes, new: bytes) -> None:
    assert old in LINE
    assert not chunk(LINE.replace(old, new))


def test_a_line_that_is_too_long_is_refused_though_it_has_the_shape() -> None:
    long = canonical(ENTRY | {"body": ENTRY["body"] | {"tracks": [TRACK] * 8000}})  # type: ignore[operator,dict-item]
    assert chunk(long)
    with pytest.raises(BadEntry, match="bytes"):
        read_entry(long)
