# What stands in for the public image of the same name where no registry can be reached: Debian's own Python, which is
# a newer one (3.13), without pip but with venv.
FROM debian:trixie-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*.log /var/log/apt \
    && ln -s /usr/bin/python3 /usr/local/bin/python
CMD ["python3"]
