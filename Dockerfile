# The tool's own image: the CLI, its plugins, the wheels, and the desired state cached, so that nothing is fetched when
# it runs. Built inside Azure by `dr init` (no Docker here), pulled by digest. What it copies stands in recovery/image.py.
ARG PYTHON=python:3.11-slim-bookworm
ARG PULUMI=pulumi/pulumi-python:3.260.0
FROM ${PULUMI} AS pulumi

FROM ${PYTHON}
ENV PATH=/app/.venv/bin:/pulumi/bin:/usr/local/bin:/usr/bin:/bin \
    PULUMI_HOME=/opt/pulumi PULUMI_SKIP_UPDATE_CHECK=true PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1 DR_HOME=/app/.dr
COPY --from=pulumi /pulumi/bin /pulumi/bin
WORKDIR /app
COPY requirements-image.lock pyproject.toml ./
RUN python -m venv .venv && .venv/bin/python -m pip install -q --no-compile --require-hashes -r requirements-image.lock
RUN .venv/bin/python -c "import importlib.metadata as m; [print(p, m.version('pulumi-' + p)) for p in ('azure-native', 'aws', 'kubernetes')]" \
    | while read -r name version; do pulumi plugin install resource "$name" "$version" || exit 1; done
COPY __main__.py Pulumi.yaml Pulumi.*.yaml ./
COPY components components
COPY recovery recovery
COPY clouds clouds
COPY scripts scripts
COPY localcloud localcloud
RUN .venv/bin/python -m pip install -q --no-deps --no-build-isolation -e .
# The break-glass path: with the desired state cached, the direct engine needs neither Pulumi nor its packages.
ARG SUBSCRIPTION=
RUN if [ -n "$SUBSCRIPTION" ]; then for stack in standby active; do \
      ARM_SUBSCRIPTION_ID="$SUBSCRIPTION" dr desired -s "$stack" >/dev/null || exit 1; done; fi
RUN useradd --uid 10001 --no-create-home standby && chown -R standby /app/.dr* /opt/pulumi
USER 10001
ENTRYPOINT ["dr"]
CMD ["--help"]
