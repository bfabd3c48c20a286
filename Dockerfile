# The hub as an image: docker build -t recorder-hub .   (docs/design/kubernetes.md)
# x86-64 and arm64: docker buildx build --platform linux/amd64,linux/arm64 -t recorder-hub .
# Its root may be read-only: it writes to /data, /keys and /tmp alone.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG NODE_IMAGE=node:22-bookworm-slim

# ---------------------------------------------------------------- the page; the same for every machine
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS page
WORKDIR /src/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY web ./
RUN npm run build

# ---------------------------------------------------------------- wheels; nothing is compiled
FROM ${PYTHON_IMAGE} AS wheels
WORKDIR /src
COPY pyproject.toml build_page.py README.md LICENSE ./
COPY hub ./hub
COPY --from=page /src/hub/api/page ./hub/api/page
RUN pip wheel --no-cache-dir --only-binary :all: --wheel-dir /wheels . \
 && python -m venv /opt/hub \
 && /opt/hub/bin/pip install --no-cache-dir --no-index --find-links /wheels recorder-hub \
 && /opt/hub/bin/pip uninstall --yes pip setuptools

# ---------------------------------------------------------------- what runs
FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="recorder-hub" \
      org.opencontainers.image.description="执法记录中枢: records enforcement live, chains every chunk, notices every interruption" \
      org.opencontainers.image.licenses="Apache-2.0"
# 10001 is the hub, 10002 its signer: another user, so that the hub cannot read the key
RUN groupadd --gid 10001 hub \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin hub \
 && useradd --uid 10002 --gid 10001 --no-create-home --home-dir /keys --shell /usr/sbin/nologin hub-signer \
 && install -d -o 10001 -g 10001 -m 0770 /data /keys /run/hub-signer \
 && pip uninstall --yes pip setuptools wheel
COPY --from=wheels /opt/hub /opt/hub
ENV PATH=/opt/hub/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HUB_DATA=/data \
    HUB_KEYS_DIR=/keys
USER 10001:10001
WORKDIR /data
EXPOSE 8080 8081
HEALTHCHECK --start-period=60s --interval=10s --timeout=5s --retries=6 CMD ["hub", "healthy"]
ENTRYPOINT ["hub"]
CMD ["serve"]
