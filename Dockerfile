# The operator's image; the sidecar beside each trial runs from it too.
#
#   docker build --tag autosearch/operator:0.1.0 .
#
# For builds that can be repeated, name the base by its digest: --build-arg BASE=python:3.12-slim@sha256:...
# A network with an index or a certificate authority of its own hands them over as secrets, which stay in no layer:
#   --secret id=pip.conf,src=/etc/pip.conf --secret id=ca.crt,src=/etc/ssl/certs/ca-certificates.crt
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
WORKDIR /src
# First what changes seldom. Both steps are also what the tests measure and try out.
COPY tools/install_image.sh tools/
COPY requirements/build.txt requirements/operator.txt requirements/
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.crt \
    if [ -f /run/secrets/pip.conf ]; then export PIP_CONFIG_FILE=/run/secrets/pip.conf; fi; \
    if [ -f /run/secrets/ca.crt ]; then export PIP_CERT=/run/secrets/ca.crt; fi; \
    tools/install_image.sh libraries /opt/autosearch
COPY pyproject.toml README.md LICENSE ./
COPY sdk sdk
COPY operator operator
RUN tools/install_image.sh project /opt/autosearch

FROM ${BASE}
# The base's own pip, if it has one: nothing is installed in here later.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/ensurepip \
    /usr/lib/python3*/ensurepip /usr/share/python-wheels
COPY --from=build /opt/autosearch /opt/autosearch
# Everything in it is compiled, and the root file system is read-only.
ENV PATH=/opt/autosearch/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["autosearch"]
