"""The hub as a whole: builds the parts, starts them in order, stops them in the reverse order.

``hub.py`` is the story: the office, with all rooms that hold what people decided. What it stands on is in
``ground.py``, who records in ``here.py`` (the seam between the two: ``recording.py``). What the parts are told of each
other is in ``surroundings.py``, what the hub answers about itself in ``answers.py``, what it tells in ``telling.py``.
"""

from hub.app.hub import Hub
from hub.app.process import run_until_signalled, stop_signal

__all__ = ["Hub", "run_until_signalled", "stop_signal"]
