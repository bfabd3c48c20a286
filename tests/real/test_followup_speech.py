"""Speech from espeak-ng is found in a clip; wind, traffic and silence are not taken for it; in each codec."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import numpy as np
import pytest

from hub.errors import Conflict, InvalidRequest, StorageError
from hub.followup.clip import sound_of
from hub.followup.speech import Heard, listen
from hub.ledger.bodies import chunk_body
from hub.ledger.entries import EntryType
from hub.model import Chunk, Codec
from hub.segmenter.disk import Disk
from hub.segmenter.recorder import Recorder
from hub.settings import Settings
from hub.shelf import LocalShelf
from tests import sounds
from tests.followup_support import REC, desk, seconds
from tests.segmenter_media import START_US, Log, coded_sound, feed, fragments, interleave, video

pytestmark = pytest.mark.real

LEAST_MS = 1000
CHINESE = "网络信号中断，现在恢复记录。"
ENGLISH = "The link was lost in the tunnel, recording goes on."
NOISES = {
    "wind": sounds.wind(10, 1),
    "strong wind": np.clip(sounds.wind(10, 9, 0.6), -1, 1),
    "traffic": sounds.traffic(10, 3),
    "other traffic": sounds.traffic(10, 7),
    "engine": sounds.engine(10, 2),
    "fast engine": sounds.engine(10, 4, hertz=80),
    "white": sounds.colour(10, 0, 5),
    "pink": sounds.colour(10, 1, 6),
    "siren": sounds.siren(10),
    "silence": np.zeros(160_000),
    "hiss": sounds.colour(10, 0, 8, 0.003),
}


@pytest.mark.parametrize("name", NOISES)
def test_noise_is_no_speech(name: str) -> None:
    heard = listen(sounds.pcm(NOISES[name]))
    assert heard.listened_ms == 10_000
    assert heard.speech_ms <= 200, "a fifth of what is asked for"


@pytest.mark.parametrize(("voice", "text"), [("cmn", CHINESE), ("cmn+f3", CHINESE), ("en+m3", ENGLISH)])
@pytest.mark.parametrize("snr_db", [30, 5, 0])
def test_a_sentence_is_speech_in_noise_as_loud_as_itself(voice: str, text: str, snr_db: int) -> None:
    said = sounds.speech(text, voice)
    length = len(said) / sounds.RATE
    for noise in (sounds.wind(length + 1, 4), sounds.traffic(length + 1, 5)):
        heard = listen(sounds.pcm(said + noise[: len(said)] * 10 ** (-snr_db / 20)))
        assert heard.speech_ms >= 2 * LEAST_MS, f"{length:.1f} s were said"


def record(folder: Path, codec: Codec, sound: sounds.Sound) -> list[Chunk]:
    """Ten seconds with pictures; the sound begins with them."""
    rate = 8000 if codec in (Codec.PCMA, Codec.PCMU) else 48_000
    count = len(sound) * rate // sounds.RATE
    wave = np.interp(np.arange(count) * sounds.RATE / rate, np.arange(len(sound)), sound)
    channels = 1 if rate == 8000 else 2
    picture, coded = video(Codec.H264, seconds=10), coded_sound(codec, wave, rate=rate, channels=channels)

    async def work() -> Log:
        settings = Settings(data=folder / "data", keys_dir=folder / "keys")
        disk = Disk(settings.data, settings)
        await disk.start()
        log = Log()
        recorder = Recorder(REC, disk, settings, sealed=log.sealed, failed=log.failed)
        recorder.begin(1)
        feed(recorder, fragments(interleave(picture, coded), picture.info, coded.info))
        await recorder.close("stop")
        await disk.close()
        return log

    log = asyncio.run(work())
    assert not log.failures
    return log.chunks


def late_sentence(said: sounds.Sound) -> sounds.Sound:
    """Six seconds of wind, then the sentence."""
    sound = sounds.wind(10, 2, 0.05)
    sound[6 * sounds.RATE :][: len(said)] += said[: 4 * sounds.RATE]
    return sound


@pytest.mark.parametrize("codec", [Codec.AAC, Codec.OPUS, Codec.PCMA])
def test_only_the_marked_clip_is_listened_to(tmp_path: Path, codec: Codec) -> None:
    chunks = record(tmp_path, codec, late_sentence(sounds.speech(ENGLISH, "en")))

    def heard(from_s: float, to_s: float) -> Heard:
        from_us, to_us = START_US + seconds(from_s), START_US + seconds(to_s)
        wanted = [one for one in chunks if one.first_us < to_us and one.end_us > from_us]
        return listen(sound_of(LocalShelf(tmp_path / "data"), wanted, from_us, to_us))

    before, said = heard(1, 5), heard(5.5, 9.5)
    assert abs(before.listened_ms - 4000) < 200
    assert before.speech_ms <= 100
    assert said.speech_ms >= 2000


def test_a_clip_explains_if_somebody_speaks_in_it(tmp_path: Path) -> None:
    chunks = record(tmp_path / "film", Codec.OPUS, late_sentence(sounds.speech(ENGLISH, "en")))

    async def work() -> None:
        async with desk(tmp_path, at_us=START_US - seconds(60)) as at:
            fault = await at.fault()
            ended = await at.back(fault)
            assert ended.ended_us == START_US
            with pytest.raises(Conflict, match="not recorded"):
                await at.explaining.spoken("i-1", START_US + seconds(5.5), START_US + seconds(9.5), "device:rec-1")
            shutil.copytree(tmp_path / "film/data/reels", tmp_path / "data/reels", dirs_exist_ok=True)
            for chunk in chunks:
                at.ledger.append(REC, EntryType.CHUNK, chunk_body(chunk))
            await at.ledger.committed()
            with pytest.raises(InvalidRequest) as caught:
                await at.explaining.spoken("i-1", START_US, START_US + seconds(5), "device:rec-1")
            assert caught.value.code == "no_speech"
            with pytest.raises(InvalidRequest) as caught:
                await at.explaining.spoken("i-1", START_US - seconds(5), START_US + seconds(5), "device:rec-1")
            assert caught.value.code == "not_after_resume"
            assert await at.state() == "awaiting"
            case = await at.explaining.spoken("i-1", START_US + seconds(5.5), START_US + seconds(9.5), "device:rec-1")
            assert (case.outcome.state, case.outcome.how, case.outcome.findings) == ("explained", "spoken", ())
            body = case.told[-1].body
            assert body["speech_ms"] >= 2000
            assert {one["sha256"] for one in body["chunks"]} <= {one.sha256 for one in chunks}
            assert (await at.explaining.close("i-1", "watcher")).outcome.state == "closed"

    asyncio.run(work())


def test_footage_that_was_altered_is_not_listened_to(tmp_path: Path) -> None:
    chunks = record(tmp_path, Codec.OPUS, sounds.wind(10))
    reel = tmp_path / "data" / chunks[0].reel
    data = bytearray(reel.read_bytes())
    data[chunks[0].offset + chunks[0].size // 2] ^= 1
    reel.write_bytes(data)
    with pytest.raises(StorageError, match="hub verify"):
        sound_of(LocalShelf(tmp_path / "data"), chunks[:1], chunks[0].first_us, chunks[0].end_us)


def test_footage_without_sound_explains_nothing(tmp_path: Path) -> None:
    chunks = record(tmp_path, Codec.OPUS, sounds.wind(10))
    silent = [one for one in chunks if not any(track.kind == "audio" for track in one.tracks)]
    with pytest.raises(InvalidRequest) as caught:
        sound_of(LocalShelf(tmp_path / "data"), silent, START_US, START_US + seconds(1))
    assert caught.value.code == "no_sound"
