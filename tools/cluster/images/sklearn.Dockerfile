# For trials: scikit-learn, XGBoost and LightGBM, nothing of this project.
FROM python:3.12-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*.log /var/log/apt
COPY sklearn.txt /tmp/
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.crt \
    if [ -f /run/secrets/pip.conf ]; then export PIP_CONFIG_FILE=/run/secrets/pip.conf; fi; \
    if [ -f /run/secrets/ca.crt ]; then export PIP_CERT=/run/secrets/ca.crt; fi; \
    python3 -m venv /opt/trial \
    && /opt/trial/bin/pip install --quiet --no-cache-dir --require-hashes --only-binary :all: -r /tmp/sklearn.txt \
    && rm /tmp/sklearn.txt
ENV PATH=/opt/trial/bin:$PATH
CMD ["python"]
