"""The site's map: tiles by three numbers, and no way to any other file."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hub.api.maps import MAX_ZOOM, tile_path, zooms
from tests.api_support import running_hub

PNG = b"\x89PNG\r\n\x1a\n of the tests"
NUMBER = st.integers(0, 40).map(str)
ODD = st.one_of(
    NUMBER,
    st.text(max_size=8),
    st.sampled_from(
        ["..", ".", "../..", "%2e%2e", "1/../..", "\x00", "٣", "+1", "-1", "01", " 1", "1.png", "~", "1e3"]
    ),
)


@given(z=ODD, x=ODD, y=ODD)
def test_a_tile_is_three_numbers_of_its_folder_or_nothing(z: str, x: str, y: str) -> None:
    found = tile_path("/srv/map/{z}/{x}/{y}.png", z, x, y)
    inside = all(text.isascii() and text.isdigit() and str(int(text)) == text for text in (z, x, y))
    inside = inside and int(z) <= MAX_ZOOM and max(int(x), int(y)) < 2 ** int(z)
    assert found == (Path(f"/srv/map/{z}/{x}/{y}.png") if inside else None)
    if found is not None:
        assert found.resolve().is_relative_to("/srv/map")


def test_zoom_levels_are_those_that_the_folder_has(tmp_path: Path) -> None:
    for name in ("3", "11", "readme", "99"):
        (tmp_path / name).mkdir()
    assert zooms(f"{tmp_path}/{{z}}/{{x}}/{{y}}.png") == (3, 11)
    assert zooms(f"{tmp_path}/{{z}}-{{x}}-{{y}}.png") == (0, MAX_ZOOM)
    assert zooms(f"{tmp_path}/nowhere/{{z}}/{{x}}/{{y}}.png") == (0, MAX_ZOOM)


async def test_tiles_are_served_to_those_who_are_signed_in(tmp_path: Path) -> None:
    (tmp_path / "map" / "2" / "3").mkdir(parents=True)
    (tmp_path / "map" / "2" / "3" / "1.png").write_bytes(PNG)
    (tmp_path / "map" / "secret.png").write_bytes(b"not a tile")
    async with running_hub(tmp_path, map_tiles=f"{tmp_path}/map/{{z}}/{{x}}/{{y}}.png", map_datum="gcj02") as hub:
        async with hub.program.get("/api/map") as answer:
            assert await answer.json() == {"tiles": True, "datum": "gcj02", "min_zoom": 2, "max_zoom": 2}
        async with hub.program.get("/tiles/2/3/1") as answer:
            assert (answer.status, answer.content_type, await answer.read()) == (200, "image/png", PNG)
            assert answer.headers["Cache-Control"].startswith("private")
        async with hub.stranger.get("/tiles/2/3/1") as answer:
            assert answer.status == 401
        for path in ("2/3/2", "2/4/1", "23/0/0", "2/3/..%2F..%2Fsecret", "2/..%2F/secret", "x/y/z"):
            async with hub.program.get(f"/tiles/{path}") as answer:
                assert answer.status == 404, path


async def test_without_a_map_of_the_site_there_are_no_tiles(tmp_path: Path) -> None:
    async with running_hub(tmp_path) as hub:
        async with hub.program.get("/api/map") as answer:
            assert (await answer.json())["tiles"] is False
        async with hub.program.get("/tiles/0/0/0") as answer:
            assert answer.status == 404
