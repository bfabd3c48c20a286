"""The browser's reader of the frame number agrees with ours, at any size of canvas."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess

import numpy as np
import pytest

from hub.demo.frame_code import FRAME_CODE_JS, read_frame_number, write_frame_number

pytestmark = pytest.mark.real
CANVAS = """
function canvas(width, height, text) {
  const grey = Buffer.from(text, 'base64');
  const getImageData = (x, y, w, h) => {
    const data = new Uint8ClampedArray(w * h * 4);
    for (let i = 0; i < w * h; i++) data.fill(grey[y * width + x + i], 4 * i, 4 * i + 4);
    return { data };
  };
  return { width, height, getContext: () => ({ getImageData }) };
}
const pictures = JSON.parse(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(pictures.map((p) => readFrameNumber(canvas(...p)))));
"""


def test_javascript_reads_what_python_writes() -> None:
    if not (node := shutil.which("node")):
        pytest.skip("needs node")
    random = np.random.default_rng(7)
    pictures, expected = [], []
    for height, width in ((720, 1280), (360, 640), (203, 361), (90, 160)):
        for number in (0, 2**32 - 1, 0xDEADBEEF, 3 << 20 | 17):
            luma = random.integers(90, 130, (height, width), dtype=np.uint8)
            write_frame_number(luma, number)
            if number == 0xDEADBEEF:  # one cell spoilt: the CRC must notice
                luma[:, width * 10 // 44 : width * 11 // 44] ^= 0xFF
            pictures.append([width, height, base64.b64encode(luma.tobytes()).decode()])
            expected.append(read_frame_number(luma))
    assert expected.count(None) == 4
    said = subprocess.run(
        [node, "-e", FRAME_CODE_JS + CANVAS], input=json.dumps(pictures), capture_output=True, text=True, check=True
    )
    assert json.loads(said.stdout) == expected
