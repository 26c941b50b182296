# lossd and the libraries it loads, nothing else: no shell, no package manager.
#
#     make image
#     docker run --rm -p 127.0.0.1:8080:8080 lossd
#
# deploy/README.md says more.  Debian 12 works as well as 13:
#     --build-arg BASE=debian:bookworm-slim

ARG BASE=debian:trixie-slim
FROM ${BASE} AS build
WORKDIR /src

# The list alone first: as long as it does not change, the packages stay.
COPY deploy/packages deploy/install-packages deploy/
RUN deploy/install-packages build

COPY . .
RUN make CFLAGS= LDFLAGS=-s build/lossd

# The binary with every library that it loads, at the paths where it loads them.
RUN mkdir /image \
 && install -D -t /image/usr/share/doc/lossd LICENSE \
 && install -t /image build/lossd \
 && ldd build/lossd | grep -o '/[^ ]*' | xargs cp -L --parents -t /image \
 && ldd build/lossd


FROM scratch
COPY --from=build /image /

LABEL org.opencontainers.image.title="lossd" \
      org.opencontainers.image.description="Losses, their gradients, and why they become NaN, over HTTP" \
      org.opencontainers.image.licenses="MIT"

# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532

# A container's loopback reaches nobody, so lossd listens on every address of it,
# which it refuses without a token unless told that this is meant.  Here it is:
# who publishes the port decides who may ask.  LOSSD_TOKEN_FILE makes it demand a
# token all the same.
ENV LOSSD_LISTEN=0.0.0.0:8080 \
    LOSSD_INSECURE=1
EXPOSE 8080

# SIGTERM drains: what was accepted is answered, then lossd exits with 0.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=2s --retries=3 \
	CMD ["/lossd", "health"]
ENTRYPOINT ["/lossd"]
