"""Writes ports.yaml and recorders.yaml for a range of UDP ports: ``python3 ports.py 40000 40127``.

A recorder's media comes to one UDP port of the pod that records it, one port a session. Kubernetes knows no ranges of
host ports, so each is listed. The number outside is the number inside: ICE tells recorders the one that the hub bound.
"""

from __future__ import annotations

import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def patch(first: int, last: int) -> str:
    """A JSON patch that gives the first container its host ports and tells the hub of the same range."""
    ports = [
        f"- {{op: add, path: /spec/template/spec/containers/0/ports/-, "
        f"value: {{containerPort: {port}, hostPort: {port}, protocol: UDP}}}}"
        for port in range(first, last + 1)
    ]
    told = [
        "- op: add",
        "  path: /spec/template/spec/containers/0/env/-",
        f'  value: {{name: HUB_WEBRTC_PORTS, value: "{first}-{last}"}}',
    ]
    return "\n".join(["# Written by ports.py.", *told, *ports, ""])


def policy(first: int, last: int) -> str:
    """Who may send media to these ports; the network is a parameter of a site."""
    return f"""# Written by ports.py. Parameter of a site: the networks that recorders send from.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: recorders
spec:
  podSelector:
    matchLabels:
      recorder-hub/ingest: "true"
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - ipBlock: {{cidr: 0.0.0.0/0}}
      ports:
        - {{protocol: UDP, port: {first}, endPort: {last}}}
  egress: # ICE's own checks, and the answers of RTP
    - to:
        - ipBlock: {{cidr: 0.0.0.0/0}}
      ports:
        - {{protocol: UDP, port: 1024, endPort: 65535}}
"""


if __name__ == "__main__":
    first, last = int(sys.argv[1]), int(sys.argv[2])
    (FOLDER / "ports.yaml").write_text(patch(first, last), encoding="utf-8")
    (FOLDER / "recorders.yaml").write_text(policy(first, last), encoding="utf-8")
