# server.sh: sourced by demo/run, test/run and bench/run.
#
# Installs the packages the extension needs, builds and installs it, and keeps
# a private PostgreSQL in a folder of its own. No existing cluster is touched:
# the server listens on a socket in that folder only.

# Print to the terminal, with a clock.
start_seconds=$SECONDS
say() { printf '\033[1m[%3d s]\033[0m %s\n' $((SECONDS - start_seconds)) "$*"; }
fail() { printf '\033[1;31merror:\033[0m %s\n' "$*" >&2; exit 1; }

# Run as root: directly, or by sudo.
as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"
	elif command -v sudo >/dev/null; then sudo "$@"
	else fail "packages must be installed: run this as root, or install sudo first"; fi
}

# The server refuses to run as root; Debian's packages bring the user postgres.
as_server() {
	if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

# The pg_config to build with: PG_CONFIG if set, else the newest server with headers.
find_pg_config() {
	if [ -z "${PG_CONFIG:-}" ]; then
		PG_CONFIG=$(ls -d /usr/lib/postgresql/*/lib/pgxs/src/makefiles/pgxs.mk 2>/dev/null |
			sort -t/ -k5 -n | tail -n 1 | sed 's|lib/pgxs/.*|bin/pg_config|')
	fi
	[ -n "$PG_CONFIG" ] && [ -x "$PG_CONFIG" ] || return 1
	export PG_CONFIG
	pg_bin=$("$PG_CONFIG" --bindir)
	pg_major=$("$PG_CONFIG" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
}

# Install Debian packages that are missing: install_packages PACKAGE...
install_packages() {
	local missing="" p
	for p in "$@"; do
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
	done
	[ -z "$missing" ] && return 0
	say "installing packages:$missing"
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing \
		>"$work/apt.log" 2>&1 || { tail -n 20 "$work/apt.log"; fail "packages could not be installed (log: $work/apt.log)"; }
}

# Everything needed to build and run: install_dependencies [more packages, %V = major version]
install_dependencies() {
	if ! command -v apt-get >/dev/null; then
		find_pg_config || fail "no apt-get here: install PostgreSQL with server headers, a C and C++ compiler, make, ICU and libphonenumber, then set PG_CONFIG"
		return
	fi
	if ! find_pg_config; then
		say "reading package lists"
		as_root apt-get update -q >"$work/apt.log" 2>&1 || { tail -n 5 "$work/apt.log"; fail "apt-get update failed"; }
		pg_major=$(apt-cache depends postgresql | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1)
		[ -n "$pg_major" ] || fail "no postgresql package in the package lists"
		# Keep Debian from making a cluster of its own that nobody asked for.
		if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
			as_root mkdir -p /etc/postgresql-common/createcluster.d
			echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.d/no_main_cluster.conf >/dev/null
		fi
	fi
	local extra=${*//%V/$pg_major}
	install_packages make gcc g++ libc6-dev util-linux "postgresql-$pg_major" "postgresql-server-dev-$pg_major" \
		libicu-dev libroaring-dev libphonenumber-dev $extra
	find_pg_config || fail "PostgreSQL $pg_major was installed but its pg_config was not found"
}

# Build in a copy, so that the checkout stays as it is, and install.
build_and_install() {
	say "building for PostgreSQL $("$PG_CONFIG" --version | cut -d' ' -f2)"
	mkdir -p "$work/source"
	tar -C "$project" --exclude=./.git --exclude='*.o' --exclude='*.so' -cf - . | tar -C "$work/source" -xf -
	make -C "$work/source" -s -j"$(nproc)" WERROR=1 PG_CONFIG="$PG_CONFIG" >"$work/build.log" 2>&1 ||
		{ tail -n 30 "$work/build.log"; fail "the build failed (log: $work/build.log)"; }
	as_root make -C "$work/source" -s install PG_CONFIG="$PG_CONFIG" >>"$work/build.log" 2>&1 ||
		{ tail -n 30 "$work/build.log"; fail "the installation failed (log: $work/build.log)"; }
}

# Make and start a private server: start_server FOLDER [line for postgresql.conf ...]
start_server() {
	local folder=$1; shift
	local line
	mkdir -p "$folder/socket"
	if [ "$(id -u)" = 0 ]; then chown postgres "$folder" "$folder/socket"; fi
	as_server "$pg_bin/initdb" -D "$folder/data" -E UTF8 --locale=C.UTF-8 -A trust -U postgres >"$work/initdb.log" 2>&1 ||
		{ tail -n 5 "$work/initdb.log"; fail "initdb failed"; }
	{
		printf "%s\n" "listen_addresses = ''" "unix_socket_directories = '$folder/socket'" \
			"port = 5432" "shared_buffers = 256MB" "max_wal_size = 4GB" "fsync = off" "full_page_writes = off"
		for line in "$@"; do printf '%s\n' "$line"; done
	} | as_server tee -a "$folder/data/postgresql.conf" >/dev/null
	as_server "$pg_bin/pg_ctl" -D "$folder/data" -l "$folder/server.log" -w start >/dev/null 2>&1 ||
		{ tail -n 5 "$folder/server.log"; fail "the private server did not start (log: $folder/server.log)"; }
	export PGHOST=$folder/socket PGPORT=5432 PGUSER=postgres PATH=$pg_bin:$PATH
	unset PGDATABASE PGPASSWORD PGSERVICE
}

stop_server() {
	[ -d "$1/data" ] && as_server "$pg_bin/pg_ctl" -D "$1/data" -m immediate -w stop >/dev/null 2>&1 || true
}
