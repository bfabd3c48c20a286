"""Messages between nodes: what is said is read again, and nothing else is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.cluster.messages import MAX_BYTES, BadMessage, Message, read

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
integers = st.integers(-(2**53) + 1, 2**53 - 1)
keys = st.text(st.characters(max_codepoint=127), max_size=10)
values = st.recursive(
    st.none() | st.booleans() | integers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=10,
)
messages = st.builds(Message, texts, texts, texts, integers, st.dictionaries(keys, values, max_size=4))


@given(messages)
def test_what_is_said_is_read_again(message: Message) -> None:
    assert read(message.data()) == message


@given(st.binary(max_size=300) | values.map(lambda value: json.dumps(value).encode()))
def test_anything_else_is_refused_with_the_one_error(data: bytes) -> None:
    with pytest.raises(BadMessage):
        read(data)


@given(messages, st.integers(0, 400), st.binary(max_size=3))
def test_a_message_that_was_cut_or_altered_is_refused_or_is_another(message: Message, place: int, put: bytes) -> None:
    data = message.data()
    altered = data[:place] + put + data[place + len(put) :]
    try:
        found = read(altered)
    except BadMessage:
        return
    assert found.data() == altered


SAID = {"v": 1, "id": "a", "kind": "k", "node": "n", "at_us": 1, "body": {}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"v": 2}, "version"),
        ({"v": True}, "version"),
        ({"more": 1}, "fields"),
        ({"at_us": "1"}, "at_us"),
        ({"at_us": True}, "at_us"),
        ({"body": []}, "body"),
        ({"id": ""}, "id"),
        ({"kind": "k" * 200}, "kind"),
    ],
)
def test_each_field_is_looked_at(change: dict[str, object], words: str) -> None:
    data = json.dumps(SAID | change, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(BadMessage, match=words):
        read(data)


def test_a_message_is_bounded() -> None:
    with pytest.raises(BadMessage):
        Message("a", "k", "n", 1, {"x": "y" * MAX_BYTES}).data()
    with pytest.raises(BadMessage):
        Message("a", "k", "n", 1, {"x": 0.5}).data()
