"""The depacketizers: shapes of packets, ends of pictures, parameter sets, damage, and any bytes at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.bitstream import h264, h265
from hub.bitstream.audio import opus_duration_ticks, parse_aac_config
from hub.errors import MediaError
from hub.model import Codec, ParameterSets, TrackInfo
from tests.unit.ingest_rtp import (
    PPS,
    SPS_BASELINE,
    Sink,
    at,
    fu_a,
    idr,
    length_prefixed,
    make,
    opus,
    packet,
    slice_nal,
    video,
)

FUZZ = settings(max_examples=150, deadline=None)
SEI = b"\x06\x05\x02ab\x80"
AUD = b"\x09\xf0"


def stap_a(*nals: bytes) -> bytes:
    return b"\x78" + b"".join(len(nal).to_bytes(2, "big") + nal for nal in nals)


def feed(
    payloads: list[tuple[bytes, int, bool]], info: TrackInfo | None = None, first: int = 0, skip: tuple[int, ...] = ()
) -> Sink:
    """Payloads with their time stamps (in pictures) and markers, one sequence number each."""
    track, sink = make(info)
    for index, (payload, picture, marker) in enumerate(payloads):
        if index not in skip:
            track.receive(packet(payload, first + index, picture * 3600, marker=marker), at(40 * picture))
    track.end()
    return sink


def test_an_aggregate_with_sets_and_a_picture() -> None:
    sink = feed([(stap_a(AUD, SPS_BASELINE, PPS, SEI), 0, False), (idr(), 0, True)])
    assert sink.units[0].data == length_prefixed(AUD, SPS_BASELINE, PPS, SEI, idr())
    assert sink.units[0].parameter_sets == ParameterSets((SPS_BASELINE,), (PPS,))


def test_parameter_sets_with_a_marker_and_time_stamp_of_their_own_join_their_picture() -> None:
    sink = feed([(SPS_BASELINE, 0, True), (PPS, 0, True), (idr(), 1, True), (slice_nal(), 2, True)])
    assert [unit.data for unit in sink.units] == [
        length_prefixed(SPS_BASELINE, PPS, idr()),
        length_prefixed(slice_nal()),
    ]


def test_without_markers_the_time_stamp_ends_a_picture() -> None:
    second = b"\x41\x2a" + b"z" * 9  # first_mb_in_slice is not 0
    sink = feed([(idr(), 0, False), (slice_nal(), 1, False), (second, 1, False), (slice_nal(), 2, False)])
    assert [unit.data for unit in sink.units] == [
        length_prefixed(idr()),
        length_prefixed(slice_nal(), second),
        length_prefixed(slice_nal()),
    ]


def test_without_markers_and_with_one_time_stamp_a_first_slice_ends_a_picture() -> None:
    sink = feed([(idr(), 0, False), (SEI, 0, False), (slice_nal(), 0, False), (slice_nal(), 0, False)])
    assert len(sink.units) == 3
    assert sink.units[1].data == length_prefixed(SEI, slice_nal())
    assert [unit.dts_ticks for unit in sink.units] == [0, 1, 2]


def test_a_marker_on_every_slice_is_seen_through() -> None:
    second = b"\x41\x2a" + b"z" * 9
    pictures = [(idr(), 0, True), (b"\x65\x2a" + b"y" * 9, 0, True)]
    for picture in range(1, 6):
        pictures += [(slice_nal(), picture, True), (second, picture, True)]
    sink = feed(pictures)
    assert "marker" in sink.codes
    assert [unit.data for unit in sink.units[2:]] == [length_prefixed(slice_nal(), second)] * 5


def test_sets_changed_in_band_are_a_new_object_and_repeated_ones_are_not() -> None:
    other = bytes.fromhex("6764001facd9405005bb011000000300100000030320f183196000")
    pictures = []
    for picture, sps in enumerate((SPS_BASELINE, SPS_BASELINE, other, other)):
        pictures += [(stap_a(sps, PPS), picture, False), (idr(), picture, True)]
    sets = [unit.parameter_sets for unit in feed(pictures, TrackInfo(1, Codec.H264, 90_000)).units]
    assert sets[0] is sets[1]
    assert sets[2] is sets[3]
    assert sets[2] == ParameterSets((other,), (PPS,))


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265])
def test_sets_of_the_session_that_are_none_are_complained_of_and_those_in_band_serve(codec: Codec) -> None:
    """A camera whose SDP lies must be recorded all the same."""
    broken = ParameterSets((b"\x67\x42", b"\x42\x01"), (b"\x68", b"\x44\x01"), (b"\x40",))
    info = TrackInfo(1, codec, 90_000, parameter_sets=broken)
    if codec is Codec.H265:
        sink = feed([(b"\x26\x01\x80" + bytes(20), 0, True)], info)
        assert len(sink.units) == 1
    else:
        sink = feed([(stap_a(SPS_BASELINE, PPS), 0, False), (idr(), 0, True)], info)
        assert sink.units[0].parameter_sets == ParameterSets((SPS_BASELINE,), (PPS,))
    assert "parameter_set" in sink.codes


def test_a_keyframe_without_sets_is_complained_of_and_delivered() -> None:
    sink = feed([(idr(), 0, True)], TrackInfo(1, Codec.H264, 90_000))
    assert sink.units[0].parameter_sets is None
    assert "parameter_set" in sink.codes


def test_before_the_first_keyframe_pictures_are_damaged() -> None:
    sink = feed([(slice_nal(), 0, True), (idr(), 1, True), (slice_nal(), 2, True)])
    assert [unit.damaged for unit in sink.units] == [True, False, False]


@pytest.mark.parametrize("missing", range(4))
def test_a_fragment_lost_anywhere_damages_its_picture_alone_up_to_the_keyframe(missing: int) -> None:
    parts = fu_a(slice_nal(4000), 4)
    payloads = [(idr(), 0, True)] + [(part, 1, index == 3) for index, part in enumerate(parts)]
    payloads += [(slice_nal(), 2, True), (idr(), 3, True)]
    sink = feed(payloads, skip=(1 + missing,))
    damaged = {unit.pts_ticks // 3600: unit.damaged for unit in sink.units}
    assert damaged.get(1, True)
    assert (damaged[0], damaged[2], damaged[3]) == (False, True, False)
    assert sum(unit.lost for unit in sink.units) == 1
    for unit in sink.units:
        size = int.from_bytes(unit.data[:4], "big")
        assert size == len(unit.data) - 4


def test_a_recovery_point_is_a_keyframe() -> None:
    recovery = b"\x06\x06\x01\xc4\x80"
    intra = b"\x41\x88" + b"\x80" * 20  # first_mb 0, slice_type 7 (I)
    sink = feed([(slice_nal(), 0, True), (recovery, 1, False), (intra, 1, True), (slice_nal(), 2, True)])
    assert [unit.keyframe for unit in sink.units] == [False, True, False]
    assert [unit.damaged for unit in sink.units] == [True, False, False]


def test_pictures_larger_than_allowed_are_dropped_and_media_goes_on() -> None:
    track, sink = make()
    first, middle = b"\x7c\x85" + bytes(60_000), b"\x7c\x05" + bytes(60_000)
    for seq in range(160):
        track.receive(packet(first if seq == 0 else middle, seq, 0), at(seq))
    track.receive(packet(idr(), 160, 3600, marker=True), at(161))
    assert "unit_too_large" in sink.codes
    assert [unit.data for unit in sink.units] == [length_prefixed(idr())]
    assert not sink.units[0].damaged


# ------------------------------------------------------------------------------------------ H.265


def h265_nal(kind: int, size: int = 20, first_slice: bool = True) -> bytes:
    return bytes((kind << 1, 1, 0x80 if first_slice else 0)) + bytes((9,)) * size


def test_h265_single_aggregated_and_fragmented() -> None:
    nal = h265_nal(1, 3000)
    pieces = [nal[2:1000], nal[1000:2000], nal[2000:]]
    flags = (0x80, 0, 0x40)
    fus = [bytes((49 << 1, 1, flag | 1)) + piece for flag, piece in zip(flags, pieces, strict=True)]
    suffix_sei, prefix_sei = h265_nal(40, 4), h265_nal(39, 4)
    aggregate = bytes((48 << 1, 1)) + b"".join(len(n).to_bytes(2, "big") + n for n in (prefix_sei, h265_nal(19)))
    sink = feed(
        [(aggregate, 0, True), *((fu, 1, False) for fu in fus), (suffix_sei, 1, True)],
        TrackInfo(1, Codec.H265, 90_000),
    )
    assert [unit.data for unit in sink.units] == [
        length_prefixed(prefix_sei, h265_nal(19)),
        length_prefixed(nal, suffix_sei),
    ]
    assert [unit.keyframe for unit in sink.units] == [True, False]


def test_leading_pictures_after_a_cra_are_damaged_only_where_their_references_are() -> None:
    cra, rasl, trail = h265_nal(21), h265_nal(8), h265_nal(1)
    order = [cra, rasl, trail, cra, rasl, trail]
    sink = feed([(nal, index, True) for index, nal in enumerate(order)], TrackInfo(1, Codec.H265, 90_000))
    assert [unit.damaged for unit in sink.units] == [False, True, False, False, False, False]


# ------------------------------------------------------------------------------------------ sound


def aac_track() -> TrackInfo:
    return TrackInfo(1, Codec.AAC, 48_000, channels=2, config=b"\x11\x90")


def au(*sizes: int) -> bytes:
    return (16 * len(sizes)).to_bytes(2, "big") + b"".join((size << 3).to_bytes(2, "big") for size in sizes)


def test_several_aac_units_in_a_packet_and_one_in_several() -> None:
    track, sink = make(aac_track())
    track.receive(packet(au(3, 2) + b"abcde", 0, 0, marker=True), at(0))
    track.receive(packet(au(6) + b"fgh", 1, 2048), at(43))
    track.receive(packet(au(6) + b"ijk", 2, 2048, marker=True), at(44))
    assert [unit.data for unit in sink.units] == [b"abc", b"de", b"fghijk"]
    assert [unit.pts_ticks for unit in sink.units] == [0, 1024, 2048]
    assert [(unit.first_seq, unit.last_seq) for unit in sink.units] == [(0, 0), (0, 0), (1, 2)]


def test_an_aac_unit_that_misses_a_fragment_is_left_out() -> None:
    track, sink = make(aac_track())
    for seq, part in ((0, b"ab"), (2, b"ef")):
        track.receive(packet(au(6) + part, seq, 0, marker=seq == 2), at(0))
    track.receive(packet(au(2) + b"gh", 3, 1024, marker=True), at(20))
    assert [unit.data for unit in sink.units] == [b"gh"]
    assert sink.units[0].lost == 1


def test_lengths_of_audio_frames() -> None:
    assert opus_duration_ticks(b"\x78") == 960
    assert opus_duration_ticks(b"\x7b\x03") == 2880
    assert opus_duration_ticks(b"\xf8") == 960
    assert opus_duration_ticks(b"\x80") == 120
    assert opus_duration_ticks(b"\x18") == 2880
    config = parse_aac_config(bytes.fromhex("1190"))
    assert (config.sample_rate, config.channels, config.frame_samples) == (48_000, 2, 1024)
    he_aac = parse_aac_config(bytes.fromhex("2b098800"))
    assert he_aac.sample_rate == 24_000


def test_a_packet_of_g711_lasts_as_long_as_its_code_words() -> None:
    track, sink = make(TrackInfo(1, Codec.PCMA, 8000, channels=1))
    track.receive(packet(b"\xd5" * 160, 0, 0), at(0))
    track.receive(packet(b"\xd5" * 80, 1, 160), at(20))
    assert [(unit.pts_ticks, unit.duration_ticks) for unit in sink.units] == [(0, 160), (160, 80)]


# --------------------------------------------------------------------------------------- any bytes

ALL = [
    video(),
    TrackInfo(1, Codec.H265, 90_000),
    aac_track(),
    opus(),
    TrackInfo(1, Codec.PCMU, 8000, channels=1),
]
ODD_STARTS = st.sampled_from(
    [b"", b"\x7c\x85", b"\x7c\x45", b"\x78\x00", b"\x67", b"\x68", b"\x06\x06", b"\x62\x01\x93"]
)


@FUZZ
@given(
    st.sampled_from(ALL),
    st.lists(st.tuples(ODD_STARTS, st.binary(max_size=30), st.integers(0, 3), st.booleans()), max_size=12),
)
def test_any_payloads_never_raise(info: TrackInfo, payloads: list[tuple[bytes, bytes, int, bool]]) -> None:
    sink = feed([(start + rest, picture, marker) for start, rest, picture, marker in payloads], info)
    if info.kind == "video":
        for unit in sink.units:
            position = 0
            while position < len(unit.data):
                position += 4 + int.from_bytes(unit.data[position : position + 4], "big")
            assert position == len(unit.data)


@FUZZ
@given(st.lists(st.binary(max_size=60), max_size=8), st.booleans())
def test_any_packets_never_raise(packets: list[bytes], headed: bool) -> None:
    track, _ = make()
    for index, data in enumerate(packets):
        track.receive(b"\x80\x60" + data if headed else data, at(index))
        track.receive_rtcp(b"\x80\xc8" + data if headed else data, at(index))
    track.tick(at(1000))
    track.end()


@FUZZ
@given(st.binary(max_size=80))
def test_any_bytes_are_a_parameter_set_or_a_media_error(data: bytes) -> None:
    for parse in (
        h264.parse_sps,
        h264.parse_pps_ids,
        h264.slice_reader,
        h264.is_recovery_point,
        h265.parse_sps,
        h265.parse_pps_id,
        h265.vps_id,
        parse_aac_config,
        opus_duration_ticks,
    ):
        try:
            parse(data)
        except MediaError:
            continue


def test_what_real_encoders_write_in_their_sets() -> None:
    """x264 Baseline and High with three B-frames in a pyramid; x265 with B-frames."""
    assert h264.parse_sps(SPS_BASELINE).reorder == 0
    high = h264.parse_sps(bytes.fromhex("6764001eacd940a02ff970110000030001000003003c8f162d96"))
    assert (high.poc_type, high.reorder, high.frames_only) == (0, 2, True)
