#!/usr/bin/env bash
# Brings up a Docker engine where the machine allows it, for the docker route of the integration tests.
#
#   scripts/docker-engine.sh up     does nothing where an engine answers; else installs one (Debian, Ubuntu; as root),
#                                   starts dockerd and waits until it answers
#   scripts/docker-engine.sh down   ends the dockerd that `up` started, and only that one
#
# Safe to repeat. The started dockerd's process id and log are kept in the cache folder (MILLRACE_CACHE, or .cache).
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
cache=${MILLRACE_CACHE:-$repository/.cache}
pid_file=$cache/docker-engine.pid
log_file=$cache/docker-engine.log
wait_seconds=60

say() { echo "[docker-engine] $*" >&2; }

answers() { command -v docker >/dev/null && docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# The process that `up` started, if it still is a dockerd: a process id may have been given to another program since.
started_pid() {
  local pid
  pid=$(cat "$pid_file" 2>/dev/null) || return 1
  [[ "$(cat "/proc/$pid/comm" 2>/dev/null)" == dockerd ]] && echo "$pid"
}

install_engine() {
  command -v dockerd >/dev/null && command -v iptables >/dev/null && return
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    say "no Docker engine answers, and one can be installed only as root with apt-get: install Docker yourself"
    exit 1
  fi
  say "installing docker.io, iptables and debootstrap"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2
  apt-get install -y -qq --no-install-recommends docker.io iptables debootstrap >&2
}

up() {
  if answers; then
    say "an engine answers already (version $(docker version --format '{{.Server.Version}}'))"
    return
  fi
  local began=$SECONDS
  install_engine
  mkdir -p "$cache"
  if ! started_pid >/dev/null; then
    # A session of its own: it must not end with the terminal or the job that called this script.
    setsid dockerd >"$log_file" 2>&1 </dev/null &
    echo $! >"$pid_file"
  fi
  local deadline=$((SECONDS + wait_seconds))
  until answers; do
    if ! started_pid >/dev/null || ((SECONDS > deadline)); then
      say "dockerd did not come up; its log ends with:"
      tail -n 60 "$log_file" >&2
      down
      exit 1
    fi
    sleep 0.2
  done
  say "dockerd answers after $((SECONDS - began)) s (process $(cat "$pid_file"), log $log_file)"
}

down() {
  local pid
  if pid=$(started_pid); then
    say "ending dockerd (process $pid)"
    kill "$pid"
    while [[ -e /proc/$pid ]]; do sleep 0.1; done
  fi
  rm -f "$pid_file"
}

case "${1:-up}" in
  up) up ;;
  down) down ;;
  *)
    say "usage: $0 up|down"
    exit 2
    ;;
esac
