"""The signer's side of a connection: one call after the other, each answered."""

from __future__ import annotations

import socket

from hub.errors import HubError
from hub.ledger.signing.local import LocalSigner, LocalSigners
from hub.ledger.signing.wire import Answer, BadFrame, Config, Request, Sign, answer_frame, read_frame, read_request


def serve_connection(connection: socket.socket, signers: LocalSigners) -> None:
    """Until the other side ends, or sends what is no frame. Raises OSError."""
    open_signers: dict[str, LocalSigner] = {}
    while True:
        try:
            data = read_frame(connection.recv)
            if data is None:
                return
            answer = _answer(read_request(data), signers, open_signers)
        except BadFrame as error:
            connection.sendall(answer_frame(Answer(code=error.code, message=str(error))))
            return  # where the next frame begins is not known
        connection.sendall(answer_frame(answer))


def _answer(request: Request, signers: LocalSigners, open_signers: dict[str, LocalSigner]) -> Answer:
    try:
        if isinstance(request, Config):
            raise BadFrame("expected hello or sign, found config")
        signer = open_signers.get(request.origin)
        if signer is None or not isinstance(request, Sign):
            make = not isinstance(request, Sign) and request.make
            signer = open_signers[request.origin] = signers.open(request.origin, make=make)
        if isinstance(request, Sign):
            signer.sign(request.size, request.root, request.proof, request.announced)
        return Answer(signer.key, signer.last, signer.statements)
    except BadFrame:
        raise
    except HubError as error:
        return Answer(code=error.code, message=str(error))
    except OSError as error:
        return Answer(code="signer", message=f"the signer cannot use its folder: {error}")
