"""Sign-ins that have gone to the provider and have not come back yet."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass

from hub.clock import US_PER_S, Clock
from hub.errors import Refused

KEPT_US = 10 * 60 * US_PER_S
MAX_FLOWS = 5000


@dataclass(frozen=True, slots=True)
class Flow:
    """``binding`` is in a cookie of the browser that began; ``redirect_uri`` is where it comes back to; ``back`` is
    the place of the page that was asked for."""

    state: str
    nonce: str
    verifier: str
    binding: str
    redirect_uri: str
    back: str
    began_us: int

    @property
    def challenge(self) -> str:
        """PKCE, S256 (RFC 7636 §4.2)."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


class Flows:
    """Each is used once, by the browser that began it, within ten minutes. Bounded: the oldest goes first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._flows: OrderedDict[str, Flow] = OrderedDict()

    def begin(self, redirect_uri: str, back: str) -> Flow:
        state, nonce, verifier, binding = (secrets.token_urlsafe(32) for _ in range(4))
        flow = Flow(state, nonce, verifier, binding, redirect_uri, back, self._clock.now().mono_us)
        self._flows[state] = flow
        while len(self._flows) > MAX_FLOWS:
            self._flows.popitem(last=False)
        return flow

    def finish(self, state: str, binding: str) -> Flow:
        """Raises Refused ``oidc_state``: unknown, used, too old, or begun in another browser."""
        flow = self._flows.get(state)
        if flow is None or not hmac.compare_digest(flow.binding.encode(), binding.encode()):
            raise Refused("this sign-in was not begun here, or is over already", code="oidc_state")
        del self._flows[state]
        if self._clock.now().mono_us - flow.began_us > KEPT_US:
            raise Refused("this sign-in took longer than ten minutes", code="oidc_state")
        return flow
