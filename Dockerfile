# unmask on a CPU. For a GPU, give the build of torch that fits its driver:
#   docker build --build-arg TORCH="torch==2.13.0 --index-url URL" --tag unmask .
#   docker run --rm --volume "$PWD/unmask-store:/store" unmask run toy
FROM python:3.13-slim

# torch comes first and alone: with it in place nothing else asks for another build of it, or for CUDA packages.
ARG TORCH="torch==2.13.0"
RUN pip install --no-cache-dir ${TORCH}

WORKDIR /unmask
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src ./src
RUN pip install --no-cache-dir --constraint constraints.txt . \
    && useradd --create-home researcher && mkdir /store && chown researcher /store

# Results outlive the container where /store is a volume.
ENV UNMASK_STORE=/store
VOLUME /store
USER researcher
ENTRYPOINT ["unmask"]
CMD ["--help"]
