# The program, the certificate authorities and nothing else: no shell, no library, no file that its user could change.
#
#     docker build --tag polytomic-shim .
#
# README.md says how to run it; tests/run image builds it and runs what comes out.

FROM docker.io/library/rust:1.95-slim-bookworm AS build
WORKDIR /build

# `release`, which is built twice, the second time for what the first was seen to do most; or another profile of
# Cargo.toml.
ARG PROFILE=release

# The program alone. `demo` adds the commands `demo` and `emulator`, and a quarter to its size.
ARG FEATURES=""

# Linked statically against glibc, with which everything is tested, and which since 2.34 looks names up by itself, without
# modules to load. Only what is built for the named target is linked like this, so that macros stay what the compiler
# can load.
ENV RUSTFLAGS="-C target-feature=+crt-static"

# The dependencies, with an empty program in our place: a layer that lasts until Cargo.toml or Cargo.lock changes.
COPY Cargo.toml Cargo.lock ./
COPY tests/bench/guided tests/bench/
RUN mkdir -p src tests/bench/workload \
    && echo 'fn main() {}' | tee src/build.rs tests/bench/workload/main.rs > src/main.rs \
    && echo '//! Nothing yet.' > src/lib.rs \
    && if [ "$PROFILE" = release ]; then tests/bench/guided --counters-only "$FEATURES"; else \
        cargo build --locked --profile "$PROFILE" --no-default-features --features "$FEATURES" --target "$(rustc --print host-tuple)"; fi \
    && rm -r src tests/bench/workload

COPY rewrite-rules rewrite-rules
COPY fixtures fixtures
COPY src src
COPY tests/bench/train tests/bench/libc.symbols tests/bench/
COPY tests/bench/workload tests/bench/workload
# Cargo goes by times, and files may well be older than the empty program.
RUN find src tests -name '*.rs' -exec touch {} + \
    && if [ "$PROFILE" = release ]; then tests/bench/guided "$FEATURES"; else \
        cargo build --locked --profile "$PROFILE" --no-default-features --features "$FEATURES" --target "$(rustc --print host-tuple)"; fi \
    && mkdir -p image/etc/ssl/certs image/licenses \
    && cp target/*-linux-gnu/"$PROFILE"/polytomic-shim image/ \
    && cp /etc/ssl/certs/ca-certificates.crt image/etc/ssl/certs/ \
    && echo 'hosts: files dns' > image/etc/nsswitch.conf
COPY LICENSE image/licenses/polytomic-shim

FROM scratch

ARG REVISION=unknown
LABEL org.opencontainers.image.title="polytomic-shim" \
      org.opencontainers.image.description="Lets unmodified clients of Polytomic's REST API 2024-02-08 work against 2025-09-18" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.licenses="MIT"

COPY --from=build /build/image/ /

# A number, so that Kubernetes can tell that it is not root.
USER 65532:65532

# Who connects comes from outside of the container. The admin listener stays on its loopback address, where HEALTHCHECK
# and probes that run `healthcheck` reach it; set SHIM_ADMIN=0.0.0.0:8081 where others have to.
# The allocator gives memory back that was free for 25 ms, and would wait a second: with 10,000 idle connections that
# is 6 MiB and more.
ENV SHIM_LISTEN=0.0.0.0:8080 \
    SHIM_LOG_FORMAT=json \
    MIMALLOC_PURGE_DELAY=25
EXPOSE 8080

# Requests under way get 25 s (SHIM_DRAIN) from here on, so give the container more than the usual 10 s to stop.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=5s CMD ["/polytomic-shim", "healthcheck"]
ENTRYPOINT ["/polytomic-shim"]
