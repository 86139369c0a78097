# What there is to do here. CI runs `check` and `test`, by ./test.

# Shows this list.
default:
    @just --list

# Format, lints, unused and forbidden dependencies, documentation.
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    cargo check --package grafolean-netflow --locked
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --exclude grafolean --no-deps --locked --quiet
    cargo deny --log-level error check bans licenses sources
    packaging/advisories
    cargo machete

# Every test, or those whose name holds one of the arguments.
test *names:
    cargo build --workspace --all-targets --locked
    cargo nextest run --workspace --locked --no-fail-fast {{ names }}
    cargo test --doc --workspace --locked --quiet
    {{ if names == "" { "crates/python/test" } else { "true" } }}
    {{ if names == "" { "target/debug/grafolean-torture --minutes 1 --side-by-side" } else { "true" } }}
    {{ if names == "" { "python3 bench/demo.py target/debug/grafolean" } else { "true" } }}
    {{ if names == "" { "packaging/test-all dev" } else { "true" } }}

# The Python package's tests alone; arguments go to pytest.
test-python *arguments:
    crates/python/test {{ arguments }}

# Bots of the three established shapes on both Python packages for ten minutes, which are an hour of theirs.
test-python-long:
    crates/python/test --minute 10 --minutes 60 -k the_same_paths

# Kills bots and hub, breaks disks, clocks and backends, and counts what is lost: --minutes N, --seed S, --only NAME; --help.
torture *arguments:
    cargo build --release --locked --workspace --bins
    target/release/grafolean-torture {{ arguments }}

# Simulates days of a cluster with a fault every few minutes, each from a seed of its own: DAYS, the first SEED.
test-cluster-long days="30" seed="1":
    CLUSTER_DAYS={{ days }} CLUSTER_SEED={{ seed }} cargo nextest run --workspace --locked --no-capture -E 'test(a_day_with_a_fault)'

# Packages the crates that others build on, and builds each as crates.io would; nothing is uploaded.
package-crates:
    cargo publish --dry-run --locked --package grafolean-time --package grafolean-datagram --package grafolean-collector --package grafolean-netflow

# The demo: hub and bots in one process, on this machine alone.
demo *arguments:
    cargo run --release -- demo {{ arguments }}

# Every figure of the README, in one run.
bench:
    bench/run

# How long each injected cause takes until `grafolean why` and the API name it, in seconds from its injection, slowest first.
why-times:
    rm -f target/why-times
    GRAFOLEAN_WHY_TIMES={{ justfile_directory() }}/target/why-times cargo nextest run --workspace --locked -E 'binary(why)'
    @echo && (printf 'cause\tcommand line\tAPI\ttest\n'; sort -t "$(printf '\t')" -k 2,2nr target/why-times) | column -t -s "$(printf '\t')"

# What a run finds goes to fuzz/found; what the tests are to replay from then on is moved to fuzz/corpus by hand.
# Looks for input that breaks a parser: netflow5, netflow9, ipfix, ipfix_stream, sflow5, flow_templates or snmp_reply.
fuzz target seconds="60":
    mkdir -p fuzz/found/{{ target }}
    RUSTC_BOOTSTRAP=1 cargo fuzz run {{ target }} fuzz/found/{{ target }} fuzz/corpus/{{ target }} -- -max_total_time={{ seconds }} -max_len=4096

# The Debian package and the root file system of the container image, in target/packages.
package processor="amd64" profile="release":
    packaging/package {{ processor }} {{ profile }}

# Installs, upgrades, removes and restores that package on a bare Debian in a folder, and runs every command of
# docs/operate.md on one that boots. Needs root, mmdebstrap and systemd-nspawn.
package-test profile="release":
    packaging/test-all {{ profile }}

# Packages for three kinds of processors, an SBOM, checksums.
release:
    packaging/release

# The pictures of docs/page.md: a made-up network in a hub of its own, in light, dark and on a phone.
screenshots:
    cargo build --locked
    target/browser/bin/python crates/cli/tests/page/pictures.py target/debug/grafolean docs/pictures

# The page with 10,000 devices and 300,000 series, and a month of one series.
bench-page:
    cargo build --release --locked
    target/browser/bin/python bench/page.py target/release/grafolean
