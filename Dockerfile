# The image of Klarity: https://github.com/hadolint/hadolint checks it, docs/running.md says how to run it.
# Debian alone is the base, so that one source gives security updates: rebuild regularly.
ARG BASE=docker.io/library/debian:bookworm-slim

FROM ${BASE} AS site
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates npm
WORKDIR /build/entrypoints/site
COPY entrypoints/site/package.json entrypoints/site/package-lock.json ./
RUN npm ci --no-audit --no-fund

FROM ${BASE} AS python
# hadolint ignore=DL3008
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates python3-venv \
    && python3 -m venv /opt/klarity
WORKDIR /build
COPY requirements.txt ./
# Wheels only: nothing is compiled, here or later.
RUN /opt/klarity/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --requirement requirements.txt
COPY . .
COPY --from=site /build/entrypoints/site/node_modules entrypoints/site/node_modules
RUN /opt/klarity/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/klarity/bin/pip uninstall --yes pip

FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap ca-certificates ffmpeg python3 tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /data klarity \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data /epochs
COPY --from=python /opt/klarity /opt/klarity
ENV PATH=/opt/klarity/bin:/usr/bin:/bin \
    KLARITY_HOST=0.0.0.0 \
    KLARITY_DATA=/data
WORKDIR /data
USER 10001:10001
VOLUME ["/data", "/epochs"]
EXPOSE 8000
# Only an address of this container itself is asked; `klarity work` needs KLARITY_INTERNAL_PORT for it.
HEALTHCHECK --interval=10s --timeout=6s --start-period=120s \
    CMD ["python3", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:%s/health/ready' % os.environ.get('KLARITY_INTERNAL_PORT', '9000'), timeout=5)"]
# tini collects the processes that a killed media tool leaves behind.
ENTRYPOINT ["tini", "--", "klarity"]
CMD ["serve"]
