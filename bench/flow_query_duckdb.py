"""DuckDB on our files: how quickly it looks through them, and what it takes to write the same."""

import resource
import sys
import tempfile
import time

import duckdb

FOLDER = sys.argv[1]
FLOWS = f"read_parquet('{FOLDER}/date=*/hour=*/*.parquet')"
SUMS = "sum(bytes * sampling) AS bytes, sum(packets * sampling), count(*)"
BY_SOURCE = f"SELECT src, {SUMS} FROM {FLOWS} WHERE {{}} GROUP BY src ORDER BY bytes DESC LIMIT 10"
# 10.0.0.0/8, as our columns of numbers have it
FROM_10 = "src_high = 0 AND src_low >> 24 = (65535 << 8) + 10"
TRIES = 3


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    flows = duckdb.sql(f"SELECT count(*) FROM {FLOWS}").fetchall()[0][0]
    for name, question in [
        ("by_src", BY_SOURCE.format("true")),
        ("443_from_10_by_src", BY_SOURCE.format(f"dst_port = 443 AND {FROM_10}")),
    ]:
        took = []
        for _ in range(TRIES):
            begun = time.monotonic()
            assert duckdb.sql(question).fetchall()
            took.append(time.monotonic() - begun)
        print(f"duckdb_query_{name} {flows / min(took) / 1e6:.1f} Mflows/s", flush=True)
    duckdb.sql(f"CREATE TABLE flows AS SELECT * FROM {FLOWS}")
    with tempfile.TemporaryDirectory() as folder:
        before = cpu()
        duckdb.sql(f"COPY flows TO '{folder}/flows.parquet' (FORMAT parquet, COMPRESSION snappy)")
        print(f"duckdb_write {(cpu() - before) / flows * 1e9:.1f} ns/flow", flush=True)


if __name__ == "__main__":
    main()
