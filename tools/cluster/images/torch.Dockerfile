# For trials: PyTorch for processors, Debian's package. The index's own wheel needs the libraries of a GPU to start.
FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-torch libopenblas0-pthread \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*.log /var/log/apt \
    && ln -s /usr/bin/python3 /usr/local/bin/python
# More threads than one make small models slower with this library.
ENV OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
CMD ["python3"]
