#!/usr/bin/env bash
# Builds every image that the tests and docker-compose.yml need, from packages alone, where none can be pulled:
# Debian by debootstrap, Kafka from Maven's jars, versitygw by Go, Node.js from npm's package `node`.
#
#   eval "$(docker/build-local-images.sh)"      standard output names the images, everything else goes to standard error
#
# Needs a Docker engine, root (for debootstrap), an installed node_modules, Java and Maven, Go. About 5 minutes cold. Safe
# to repeat: an image's tag is a digest of what it is built from, and one that exists is not built again.
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
cd "$repository"
suite=bookworm
npm_version=11
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { echo "[images] $*" >&2; }
digest() { sha256sum | cut -c1-12; }
exists() { docker image inspect "$1" >/dev/null 2>&1; }

# step <image> <command...>: runs the command unless the image exists, and says how long it took.
step() {
  local image=$1 began=$SECONDS
  shift
  if exists "$image"; then
    say "$image exists"
  else
    say "building $image"
    "$@" >&2
    say "$image built in $((SECONDS - began)) s"
  fi
}

# Debian as a root file system. The authorities that this machine trusts go into it, else https fails behind a proxy.
build_base() {
  debootstrap --variant=minbase "$suite" "$work/root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} >"$work/debootstrap.log" 2>&1 || {
    tail -n 60 "$work/debootstrap.log"
    return 1
  }
  install -D -m 644 /etc/ssl/certs/ca-certificates.crt "$work/root/etc/ssl/certs/ca-certificates.crt"
  rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
  tar -C "$work/root" -c . | docker import - "$base_image"
  rm -rf "$work/root"
}

# build <image> <context>: buildx isn't everywhere, the classic builder is.
build() { DOCKER_BUILDKIT=0 docker build --quiet --force-rm --tag "$1" --build-arg "BASE=$base_image" "$2"; }

build_kafka() {
  cp -r docker/kafka "$work/kafka"
  cp -r "$kafka_home/libs" "$work/kafka/libs"
  build "$kafka_image" "$work/kafka"
}

build_s3() {
  cp -r docker/s3 "$work/s3"
  cp "$s3_program" "$work/s3/versitygw"
  build "$s3_image" "$work/s3"
}

build_node() {
  cp -r docker/node "$work/node"
  cp node_modules/node/bin/node "$work/node/node"
  npm install --prefix "$work/npm" --no-save --no-fund --no-audit --ignore-scripts --silent "npm@$npm_version"
  cp -r "$work/npm/node_modules/npm" "$work/node/npm"
  build "$node_image" "$work/node"
}

fill() { node_modules/.bin/node itest/support/fill-cache.ts "$1" | cut -d ' ' -f 2-; }
tree_digest() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k 2) | digest; }

base_image=millrace-local/debian:$suite-$(cat "$0" /etc/ssl/certs/ca-certificates.crt | digest)
step "$base_image" build_base

kafka_home=$(fill kafka)
kafka_image=millrace-local/kafka:${kafka_home##*-}-$( (tree_digest docker/kafka && ls "$kafka_home/libs" && echo "$base_image") | digest)
step "$kafka_image" build_kafka

s3_program=$(fill s3)
if [[ $s3_program != */versitygw ]]; then
  say "the S3 image needs Go, to build versitygw"
  exit 1
fi
s3_image=millrace-local/versitygw:$( (tree_digest docker/s3 && cat "$s3_program") | digest)
step "$s3_image" build_s3

node_image=millrace-local/node:$(node_modules/.bin/node --version)-$( (tree_digest docker/node && echo "$base_image npm$npm_version") | digest)
step "$node_image" build_node

echo "export MILLRACE_KAFKA_IMAGE=$kafka_image"
echo "export MILLRACE_S3_IMAGE=$s3_image"
echo "export MILLRACE_NODE_IMAGE=$node_image"
