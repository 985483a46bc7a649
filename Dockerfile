# understudy and its stand-in function app. Build: docker build -t understudy .
# Run with your own configuration: docker run -p 8080:8080 -v ./understudy.json:/etc/understudy/understudy.json:ro understudy

FROM debian:bookworm-slim AS build
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      g++ cmake ninja-build libboost1.81-dev libssl-dev nlohmann-json3-dev prometheus-cpp-dev \
      libcli11-dev libspdlog-dev libfmt-dev libsqlite3-dev zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cmake -S . -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release -DUNDERSTUDY_TESTS=OFF \
 && cmake --build /build \
 && strip /build/bin/*

FROM debian:bookworm-slim
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      ca-certificates libssl3 libprometheus-cpp-core1.0 libspdlog1.10 libfmt9 libsqlite3-0 zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 understudy \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/understudy \
      --shell /usr/sbin/nologin understudy \
 && install -d -o understudy -g understudy -m 0700 /var/lib/understudy \
 && install -d /etc/understudy
COPY --from=build /build/bin/ /usr/local/bin/
USER 10001:10001
# State (the start ledger, the stand-ins' task hubs) outlives the container in this volume.
ENV XDG_STATE_HOME=/var/lib/understudy
VOLUME /var/lib/understudy
WORKDIR /var/lib/understudy
EXPOSE 8080
# The admin listener stays on the container's loopback; the check asks it from inside. Exit code 1 says
# that no endpoint is in rotation: that is not the proxy's illness, and a restart would not cure it.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
  CMD understudy status --json > /dev/null; test $? -le 1
STOPSIGNAL SIGTERM
ENTRYPOINT ["understudy"]
CMD ["run", "/etc/understudy/understudy.json"]
